//! What the user may write. `server.rs` has what is about servers.

mod server;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

pub(super) use server::{
    ActorSort, JobCommand, JobSort, ListArgs, ListCommand, LogsArgs, ModuleCommand, ObjectSort,
    ServeArgs, StateArgs, StreamArg, SummaryCommand, TaskSort, TenantAddArgs, TenantCommand,
    TenantSort, TenantsArgs, TimelineArgs, TokenCommand, TopArgs, WhyArgs,
};

use crate::{
    config::{CallArgs, EnvVar, parse_dir, parse_duration, parse_size, parse_slots},
    types::{DirGrant, HostRule, Network},
};

const EXIT_CODES: &str = "\
Exit codes: the program's own, or 2 bad usage, 120 the task of --task failed, 121 trap, 122 limit reached,
123 build failed, 124 timeout, 125 wrun failed, 126 bad module, 130 interrupted, 143 terminated.";

/// Runs tasks, actors and futures, each call in a WebAssembly sandbox of its own
#[derive(Debug, Parser)]
#[command(name = "wrun", version, propagate_version = true)]
pub struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a module's main, or one of its tasks
    #[command(after_help = EXIT_CODES)]
    Submit(SubmitArgs),
    /// Show a module's tasks, actors, types and imports, without running it
    Inspect(InspectArgs),
    /// Build a guest crate and print where the module is
    Build(BuildArgs),
    /// Make a new guest crate
    New(NewArgs),
    /// Run a guest crate, and again whenever its files change
    Dev(DevArgs),
    /// Run a failed task again, from inputs that `submit --record` kept
    Replay(ReplayArgs),
    /// Show what this machine offers, or the server that WRUN_ADDRESS names
    Info(InfoArgs),
    /// Serve many tenants over HTTP
    Serve(ServeArgs),
    /// Make, show and remove a server's tenants, and their tokens
    Tenant {
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Push, show and remove modules on a server
    Module {
        #[command(subcommand)]
        command: ModuleCommand,
    },
    /// Look at jobs on a server, and cancel them
    Job {
        #[command(subcommand)]
        command: JobCommand,
    },
    /// Show what a server does now: what is busy, what waits, which tenant has what
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// The same again and again, with rates; the busiest tenant first
    Top(TopArgs),
    /// List what a server has
    List {
        #[command(subcommand)]
        command: ListCommand,
    },
    /// Print what a job printed
    Logs(LogsArgs),
    /// Show what a task waits for, or what it failed with and why
    Why(WhyArgs),
    /// Show what the calls of a job took, by function
    Summary {
        #[command(subcommand)]
        command: SummaryCommand,
    },
    /// Print what each call of a job did and when, for ui.perfetto.dev
    Timeline(TimelineArgs),
    /// Measure what wrun does on this machine, beside bare Wasmtime
    Bench(BenchArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, ClapArgs)]
pub(super) struct SubmitArgs {
    /// A module (.wasm, .wat) or the directory of a guest crate, which is built first
    #[arg(value_name = "FILE|DIR", value_hint = ValueHint::AnyPath, required_unless_present = "hash")]
    pub(super) module: Option<PathBuf>,
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Serve a dashboard of the run, until a key is pressed after its end; the program's standard input is empty
    #[arg(long, help_heading = "What it tells", conflicts_with_all = ["hash", "detach", "idempotency_key", "no_restart", "record"])]
    pub(super) dashboard: bool,
    /// Send spans of the job and its tasks to this collector of OTLP over HTTP: http://127.0.0.1:4318
    #[arg(
        long,
        value_name = "URL",
        help_heading = "What it tells",
        conflicts_with = "hash"
    )]
    pub(super) otlp: Option<String>,
    /// A module that the server has, by its hash
    #[arg(
        long = "module",
        value_name = "HASH",
        help_heading = "On a server (WRUN_ADDRESS)",
        conflicts_with = "module"
    )]
    pub(super) hash: Option<String>,
    /// Print the job's id and don't wait for it
    #[arg(long, help_heading = "On a server (WRUN_ADDRESS)", conflicts_with_all = ["output", "stats", "timeline"])]
    pub(super) detach: bool,
    /// However often it is submitted with this key, it is one job
    #[arg(long, value_name = "KEY", help_heading = "On a server (WRUN_ADDRESS)")]
    pub(super) idempotency_key: Option<String>,
    /// If the server stops, the job is lost instead of beginning again
    #[arg(long, help_heading = "On a server (WRUN_ADDRESS)")]
    pub(super) no_restart: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DevArgs {
    /// The directory of a guest crate
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, default_value = ".")]
    pub(super) crate_dir: PathBuf,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, ClapArgs)]
pub(super) struct RunArgs {
    /// Call this task instead of main and print its result as JSON
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "What to run",
        conflicts_with = "program_args"
    )]
    pub(super) task: Option<String>,
    /// The task's arguments as a JSON array; @FILE reads them from a file, - from standard input
    #[arg(
        long,
        value_name = "JSON",
        help_heading = "What to run",
        requires = "task",
        allow_hyphen_values = true
    )]
    pub(super) args: Option<CallArgs>,
    /// Write the task's result to this file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "What to run", requires = "task", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,
    /// End the job after this time: 500ms, 10s, 1.5m, 1h30m; a plain number is seconds
    #[arg(long, value_name = "TIME", help_heading = "What to run", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,

    /// A directory that the program may use, and its name there; nothing in it can be changed with :ro
    #[arg(long, value_name = "HOST::GUEST[:ro]", help_heading = "What it is given", value_parser = parse_dir)]
    pub(super) dir: Vec<DirGrant>,
    /// An environment variable for the program; NAME alone passes on its value here
    #[arg(long, value_name = "NAME[=VALUE]", help_heading = "What it is given")]
    pub(super) env: Vec<EnvVar>,
    /// A host that tasks may ask over HTTP, and its port if that is not 443 or 80: api.example.com, *.example.com, 127.0.0.1:8080
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "What it is given")]
    pub(super) allow_http: Vec<HostRule>,
    /// A network that they may reach so although its addresses are not public
    #[arg(
        long,
        value_name = "CIDR",
        help_heading = "What it is given",
        requires = "allow_http"
    )]
    pub(super) allow_http_network: Vec<Network>,
    /// Slots: how many tasks run at once; one for each core by default [env: WRUN_NUM_CPUS]
    #[arg(long, value_name = "N", help_heading = "What it is given", value_parser = parse_slots)]
    pub(super) num_cpus: Option<f64>,
    /// Memory that one task may have: 512MiB, 1G [env: WRUN_MEMORY_LIMIT]
    #[arg(long, value_name = "SIZE", help_heading = "What it is given", value_parser = parse_size)]
    pub(super) memory_limit: Option<u64>,
    /// Memory for objects: results and values that were put [env: WRUN_OBJECT_STORE_MEMORY]
    #[arg(long, value_name = "SIZE", help_heading = "What it is given", value_parser = parse_size)]
    pub(super) object_store_memory: Option<u64>,
    /// Where objects go beyond that memory; a private directory in the system's temporary one by default [env: WRUN_SPILL_DIR]
    #[arg(long, value_name = "DIR", help_heading = "What it is given", value_hint = ValueHint::DirPath)]
    pub(super) spill_dir: Option<PathBuf>,
    /// Disk that these objects may take; by default 1 GiB, or 5 % of a small file system, stays free [env: WRUN_SPILL_LIMIT]
    #[arg(long, value_name = "SIZE", help_heading = "What it is given", value_parser = parse_size)]
    pub(super) spill_limit: Option<u64>,
    /// Keep all objects in memory: who writes to a full store waits
    #[arg(long, help_heading = "What it is given", conflicts_with_all = ["spill_dir", "spill_limit"])]
    pub(super) no_spill: bool,

    /// Print everything as JSON lines on standard output: log lines, events, result, end
    #[arg(long, help_heading = "What it tells")]
    pub(super) json: bool,
    /// Show no progress on a terminal
    #[arg(long, short, help_heading = "What it tells")]
    pub(super) quiet: bool,
    /// After the run, print its numbers to standard error: tasks, sandboxes, bytes, times
    #[arg(long, help_heading = "What it tells")]
    pub(super) stats: bool,
    /// Write what each call did and when to this file, for ui.perfetto.dev
    #[arg(long, value_name = "FILE", help_heading = "What it tells", value_hint = ValueHint::FilePath)]
    pub(super) timeline: Option<PathBuf>,
    /// Keep the inputs of failed tasks in this directory, for `wrun replay`
    #[arg(long, value_name = "DIR", help_heading = "What it tells", value_hint = ValueHint::DirPath)]
    pub(super) record: Option<PathBuf>,

    /// Arguments for the program's main
    #[arg(last = true, value_name = "ARGS")]
    pub(super) program_args: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct InspectArgs {
    /// A module (.wasm, .wat)
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) module: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct BuildArgs {
    /// The directory of a guest crate
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, default_value = ".")]
    pub(super) dir: PathBuf,
    /// Build with the release profile; the default
    #[arg(long, conflicts_with = "profile")]
    pub(super) release: bool,
    /// Build with this profile, such as dev
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub(super) profile: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct NewArgs {
    /// The new crate's name, or a path that ends in it
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub(super) path: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(super) struct ReplayArgs {
    /// Which task, as messages name it: add#17, or just 17
    #[arg(value_name = "TASK")]
    pub(super) task: String,
    /// Where the records are
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) record: PathBuf,
    /// End it after this time: 500ms, 10s, 1.5m, 1h30m; a plain number is seconds
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,
    /// A host that it may ask over HTTP, as for submit
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) allow_http: Vec<HostRule>,
    /// A network that it may reach so although its addresses are not public
    #[arg(long, value_name = "CIDR", requires = "allow_http")]
    pub(super) allow_http_network: Vec<Network>,
    /// Print everything as JSON lines on standard output: log lines, events, result, end
    #[arg(long)]
    pub(super) json: bool,
    /// After the run, print its numbers to standard error
    #[arg(long)]
    pub(super) stats: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct InfoArgs {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct BenchArgs {
    /// Measure these rows only
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(super) rows: Vec<String>,
    /// How often each row is measured, after one warm-up
    #[arg(long, value_name = "N", default_value = "5")]
    pub(super) repeat: NonZeroUsize,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CompletionsArgs {
    /// Which shell
    pub(super) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Command, ErrorKind> {
        Args::try_parse_from(line.split(' '))
            .map(|args| args.command)
            .map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn submit_takes_its_options() {
        let line = "wrun submit m.wasm --num-cpus 2 --timeout 1m --dir a::/b:ro --dir c --env A=1 --env B \
                    --memory-limit 1M --object-store-memory 2G --spill-dir s --spill-limit 3G --json --stats --record r -- x --y";
        let Ok(Command::Submit(SubmitArgs { module, run, .. })) = parse(line) else {
            panic!("{:?}", parse(line))
        };
        assert_eq!(
            (module, run.num_cpus, run.timeout),
            (
                Some("m.wasm".into()),
                Some(2.0),
                Some(Duration::from_secs(60))
            )
        );
        assert_eq!(
            (run.dir.len(), run.env.len(), run.program_args),
            (2, 2, vec!["x".to_owned(), "--y".to_owned()])
        );
        assert_eq!(
            (run.memory_limit, run.object_store_memory),
            (Some(1 << 20), Some(2 << 30))
        );
        assert_eq!(
            (run.spill_dir, run.spill_limit, run.no_spill),
            (Some("s".into()), Some(3 << 30), false)
        );
        assert!(run.json && run.stats && run.record.is_some());
    }

    #[test]
    fn a_task_takes_arguments_and_output() {
        let line = "wrun submit m.wasm --task add --args - -o out.json";
        let Ok(Command::Submit(SubmitArgs { run, .. })) = parse(line) else {
            panic!("{:?}", parse(line))
        };
        assert_eq!(
            (run.task.as_deref(), run.args),
            (Some("add"), Some(CallArgs::Stdin))
        );
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for (line, kind) in [
            ("wrun", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("wrun sumbit m.wasm", ErrorKind::InvalidSubcommand),
            ("wrun submit", ErrorKind::MissingRequiredArgument),
            (
                "wrun submit m.wasm --args []",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "wrun submit m.wasm --output f",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "wrun submit m.wasm --no-spill --spill-dir s",
                ErrorKind::ArgumentConflict,
            ),
            (
                "wrun submit m.wasm --task t -- x",
                ErrorKind::ArgumentConflict,
            ),
            (
                "wrun submit m.wasm --num-cpus 0",
                ErrorKind::ValueValidation,
            ),
            ("wrun submit m.wasm --dir ::", ErrorKind::ValueValidation),
            (
                "wrun submit m.wasm --allow-http http://a/",
                ErrorKind::ValueValidation,
            ),
            (
                "wrun submit m.wasm --allow-http-network 10.0.0.0/8",
                ErrorKind::MissingRequiredArgument,
            ),
            ("wrun submit m.wasm --fast", ErrorKind::UnknownArgument),
        ] {
            assert_eq!(parse(line).unwrap_err(), kind, "{line}");
        }
    }
}
