//! What the user may write about servers.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{Args as ClapArgs, Subcommand, ValueEnum, ValueHint};

use crate::{
    api,
    cli::log,
    config::{parse_duration, parse_size},
};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ServeArgs {
    /// Tenants, limits, grants, TLS and the rest, as a TOML file; read again on SIGHUP
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) config: Option<PathBuf>,
    /// The address and port to listen on; 127.0.0.1:9700 by default
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// The directory for jobs, modules and tokens; ./wrun-data by default
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) data: Option<PathBuf>,
    /// Start without the walls (Landlock, seccomp) that this kernel doesn't have
    #[arg(long)]
    pub(in crate::cli) allow_missing_walls: bool,
    /// What a line of the log looks like
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(in crate::cli) log_format: log::Format,
    /// What is logged: off, error, warn, info (by default), debug, or for a part, as in info,http=debug [env: WRUN_LOG]
    #[arg(long, value_name = "LEVEL")]
    pub(in crate::cli) log: Option<log::Filter>,
    /// Send spans of requests, jobs and tasks to this collector of OTLP over HTTP: http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) otlp: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct TopArgs {
    /// How often
    #[arg(long, short, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub(in crate::cli) interval: Duration,
    /// End after so many times; without it, when interrupted
    #[arg(long, short = 'n', value_name = "N")]
    pub(in crate::cli) count: Option<NonZeroUsize>,
    /// Print a line of JSON each time
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TenantCommand {
    /// Make a tenant and print a token for it, or give one that is there another weight and limits
    Add(Box<TenantAddArgs>),
    /// Show the tenants: what they have of what they may have
    List(TenantsArgs),
    /// Remove a tenant without unfinished jobs, with all that it has
    #[command(alias = "rm")]
    Remove {
        /// Its name
        name: String,
    },
    /// Issue, rotate, revoke and list a tenant's tokens
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct TenantAddArgs {
    /// Its name: a-z, 0-9 and -
    pub(in crate::cli) name: String,
    /// Its part of the processor time when others want it too
    #[arg(long, value_name = "N", default_value = "1")]
    pub(in crate::cli) weight: NonZeroU32,
    /// Memory of all its sandboxes
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) memory: Option<u64>,
    /// Bytes of objects
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) object_bytes: Option<u64>,
    /// Bytes of objects on disk
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) spilled_bytes: Option<u64>,
    /// Living sandboxes
    #[arg(long, value_name = "N")]
    pub(in crate::cli) sandboxes: Option<u64>,
    /// Calls that wait
    #[arg(long, value_name = "N")]
    pub(in crate::cli) queued_tasks: Option<u64>,
    /// Bytes of calls that wait
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) queued_bytes: Option<u64>,
    /// Files and directories that its sandboxes have open
    #[arg(long, value_name = "N")]
    pub(in crate::cli) open_files: Option<u64>,
    /// Handles that its sandboxes hold
    #[arg(long, value_name = "N")]
    pub(in crate::cli) handles: Option<u64>,
    /// Living actors
    #[arg(long, value_name = "N")]
    pub(in crate::cli) actors: Option<u64>,
    /// Unfinished jobs at once
    #[arg(long, value_name = "N")]
    pub(in crate::cli) jobs: Option<u64>,
    /// Bytes of all its modules
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) module_bytes: Option<u64>,
    /// Modules being compiled at once
    #[arg(long, value_name = "N")]
    pub(in crate::cli) concurrent_compilations: Option<u64>,
    /// How long one compilation may take
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(in crate::cli) compile_time: Option<Duration>,
    /// Output that is kept of one job: the end of it
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) log_bytes: Option<u64>,
    /// Bytes of a job's result
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) result_bytes: Option<u64>,
    /// Processor time of one task
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(in crate::cli) cpu_per_task: Option<Duration>,
    /// Processor time of one job, over all its attempts
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(in crate::cli) cpu_per_job: Option<Duration>,
    /// Time from a job's start to its end, over all its attempts
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(in crate::cli) time_per_job: Option<Duration>,
    /// Requests in one second
    #[arg(long, value_name = "N")]
    pub(in crate::cli) requests_per_second: Option<u64>,
    /// How long an ended job is kept
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(in crate::cli) retention: Option<Duration>,
    /// Bytes of ended jobs that are kept
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) retention_bytes: Option<u64>,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum RoleArg {
    /// Everything that its tenant may, tokens too
    Admin,
    /// Push modules, submit and cancel jobs, and read
    Submit,
    /// Read
    Read,
}

impl From<RoleArg> for api::Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Self::Admin,
            RoleArg::Submit => Self::Submit,
            RoleArg::Read => Self::Read,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// Print a new token
    Issue {
        /// The tenant
        name: String,
        /// What it may do
        #[arg(long, default_value = "submit")]
        role: RoleArg,
        /// What it is for
        #[arg(long)]
        label: Option<String>,
        /// How long it is valid; for ever by default
        #[arg(long, value_name = "TIME", value_parser = parse_duration)]
        valid: Option<Duration>,
    },
    /// Print a new token and revoke the tenant's others of that role
    Rotate {
        /// The tenant
        name: String,
        /// What it may do
        #[arg(long, default_value = "submit")]
        role: RoleArg,
    },
    /// Revoke a token at once
    Revoke {
        /// The tenant
        name: String,
        /// The token's id: the middle part of its text
        id: String,
    },
    /// Show the tenant's tokens, without their texts
    List {
        /// The tenant
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ModuleCommand {
    /// Send a module and print its hash
    Push {
        /// A module (.wasm, .wat)
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show the modules that are there
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a module that no unfinished job needs
    #[command(alias = "rm")]
    Remove {
        /// Its hash
        hash: String,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum JobCommand {
    /// Show where a job stands
    Status {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a job printed
    Logs(LogsArgs),
    /// Print the result of a job that called a task
    Result {
        /// Its id
        id: String,
        /// Wait for it so long
        #[arg(long, value_name = "TIME", value_parser = parse_duration)]
        wait: Option<Duration>,
    },
    /// Cancel a job
    Cancel {
        /// Its id
        id: String,
    },
    /// Run a job again that is in quarantine
    Restart {
        /// Its id
        id: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct LogsArgs {
    /// The job's id
    pub(in crate::cli) id: String,
    /// Go on to its end
    #[arg(long, short)]
    pub(in crate::cli) follow: bool,
    /// Of this stream only
    #[arg(long, value_name = "STREAM")]
    pub(in crate::cli) stream: Option<StreamArg>,
    /// Lines with this text only
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) grep: Option<String>,
    /// Print each piece as a line of JSON, all on standard output: the call, the stream, what was printed
    #[arg(long, conflicts_with = "grep")]
    pub(in crate::cli) json: bool,
}

/// Where a program prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum StreamArg {
    /// Its standard output
    Stdout,
    /// Its standard error
    Stderr,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "A task is named by its id, as `wrun list tasks` prints it, or by its job and its number there: `wrun why JOB add#17`."
)]
pub(in crate::cli) struct WhyArgs {
    /// The task's id; or its job's, before its number
    #[arg(value_name = "TASK|JOB")]
    pub(in crate::cli) task: String,
    /// Its number in the job, as messages name it: add#17, or just 17
    #[arg(value_name = "NAME#NUMBER")]
    pub(in crate::cli) number: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SummaryCommand {
    /// How many calls of each function there were, how they ended, and what they took
    Tasks {
        /// The job's id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct TimelineArgs {
    /// The job's id
    pub(in crate::cli) id: String,
    /// Write it to this file instead of standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ListArgs {
    /// Jobs in these states only: queued, running, finished, cancelled, lost, quarantined
    #[arg(long, value_name = "STATE,...", value_delimiter = ',')]
    pub(in crate::cli) state: Vec<String>,
    /// With this name only: their task's or their module's
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value = "20")]
    pub(in crate::cli) limit: NonZeroUsize,
    /// In which order; the newest first by default
    #[arg(long, value_name = "BY")]
    pub(in crate::cli) sort: Option<JobSort>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct TenantsArgs {
    /// With this name only
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// How many; all by default
    #[arg(long, value_name = "N")]
    pub(in crate::cli) limit: Option<NonZeroUsize>,
    /// In which order; by name by default
    #[arg(long, value_name = "BY")]
    pub(in crate::cli) sort: Option<TenantSort>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct StateArgs<S: ValueEnum + Send + Sync + 'static> {
    /// Of this job only
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) job: Option<String>,
    /// In these states only
    #[arg(long, value_name = "STATE,...")]
    pub(in crate::cli) state: Option<String>,
    /// With this name only: a task's, an actor's or its class's, that of the task which made an object
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value = "100")]
    pub(in crate::cli) limit: NonZeroUsize,
    /// In which order; by id by default
    #[arg(long, value_name = "BY")]
    pub(in crate::cli) sort: Option<S>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// In which order jobs are listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum JobSort {
    /// The newest first
    Submitted,
    /// By name
    Name,
    /// The most processor time first
    Cpu,
    /// The most tasks first
    Tasks,
}

/// In which order tenants are listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum TenantSort {
    /// By name
    Name,
    /// The most processor time first
    Cpu,
    /// The most memory first
    Memory,
    /// The most unfinished jobs first
    Jobs,
    /// The most queued tasks first
    Tasks,
}

/// In which order tasks are listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum TaskSort {
    /// The newest first
    Created,
    /// That was queued the longest first
    Queued,
    /// That ran the longest first
    Ran,
    /// By name
    Name,
}

/// In which order actors are listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ActorSort {
    /// The newest first
    Created,
    /// That with the most waiting calls first
    Queued,
    /// The largest first
    Memory,
    /// That was begun again most often first
    Restarts,
    /// By name, or by class
    Name,
}

/// In which order objects are listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ObjectSort {
    /// The newest first
    Created,
    /// The largest first
    Size,
    /// That with the most holders first
    Holders,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ListCommand {
    /// Show jobs, the newest first
    Jobs(ListArgs),
    /// Show the tasks that have not ended, and some that failed
    #[command(
        after_help = "States: waiting (for arguments), queued, running, blocked, failed, cancelled. Why one is where it is: `wrun why`."
    )]
    Tasks(StateArgs<TaskSort>),
    /// Show the actors that live, and some that died
    #[command(after_help = "States: pending, alive, hibernating, restarting, dead.")]
    Actors(StateArgs<ActorSort>),
    /// Show objects: the large ones, the arguments of tasks, and errors that somebody holds
    #[command(after_help = "States: inline, memory, spilled, failed.")]
    Objects(StateArgs<ObjectSort>),
    /// Show the tenants: what they have of what they may have
    Tenants(TenantsArgs),
}
