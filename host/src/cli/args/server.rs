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
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TenantCommand {
    /// Make a tenant and print a token for it, or give one that is there another weight and limits
    Add(Box<TenantAddArgs>),
    /// Show the tenants: what they have of what they may have
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
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
    Logs {
        /// Its id
        id: String,
        /// Go on to its end
        #[arg(long, short)]
        follow: bool,
    },
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
pub(in crate::cli) struct ListArgs {
    /// Jobs in these states only: queued, running, finished, cancelled, lost, quarantined
    #[arg(long, value_name = "STATE,...", value_delimiter = ',')]
    pub(in crate::cli) state: Vec<String>,
    /// How many
    #[arg(long, value_name = "N", default_value = "20")]
    pub(in crate::cli) limit: NonZeroUsize,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct StateArgs {
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
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ListCommand {
    /// Show jobs, the newest first
    Jobs(ListArgs),
    /// Show the tasks that have not ended, and some that failed
    #[command(
        after_help = "States: waiting (for arguments), queued, running, blocked, failed, cancelled."
    )]
    Tasks(StateArgs),
    /// Show the actors that live, and some that died
    #[command(after_help = "States: pending, alive, hibernating, restarting, dead.")]
    Actors(StateArgs),
    /// Show objects: the large ones, the arguments of tasks, and errors that somebody holds
    #[command(after_help = "States: inline, memory, spilled, failed.")]
    Objects(StateArgs),
}
