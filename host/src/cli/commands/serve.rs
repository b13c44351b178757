//! `wrun serve`: a server for many tenants, until it is told to stop.

use std::{
    fs::DirBuilder, net::SocketAddr, os::unix::fs::DirBuilderExt as _, path::PathBuf,
    time::Duration,
};

use rustix::process::{Resource as Limit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    api::{DEFAULT_TENANT, WallView},
    cli::{
        Exit,
        args::ServeArgs,
        commands::submit,
        failure::{Failure, Result},
        output,
        stop::{Reason, Stop},
    },
    config::{DEFAULT_DATA, DEFAULT_LISTEN, ServeConfig, error_text},
    daemon::{Daemon, default_limits},
    ledger::{Ledger, NewToken, Recovered, Role},
    node::{RuntimeOptions, SpillTo},
    sandbox::CacheDir,
    server::{Server, ServerError, Tls},
    walls::{Wall, Walls, WallsError, WallsOptions},
};

/// Jobs may go on so long after a signal to stop, if the configuration does not say otherwise.
const DRAIN: Duration = Duration::from_secs(30);
/// And connections after the last job.
const CONNECTIONS: Duration = Duration::from_secs(3);
/// Compiled code, below the state directory.
const CACHE: &str = "cache";
/// Objects that memory has no room for, there too.
const SPILL: &str = "spill";

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::usage(error.to_string())
    }
}

pub(super) fn run(args: &ServeArgs) -> Result<Exit> {
    let start = Start::of(args)?;
    // Both before anything else starts: what can't be had is told at once.
    let listener = Server::bind(start.listen)?;
    let address = listener.local_addr().unwrap_or(start.listen);
    let tls = start.tls()?;
    Start::raise_open_files();
    let walls = start.raise_walls(address.port(), args.allow_missing_walls)?;
    let (ledger, recovered) =
        Ledger::open(&start.data).map_err(|error| Failure::usage(error.to_string()))?;
    let token = first_start(&ledger, &start.config)?;
    let event_loop = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("wrun-serve")
        .enable_all()
        .build();
    let event_loop =
        event_loop.map_err(|error| Failure::internal(format!("no event loop: {error}")))?;
    let parts = Parts {
        ledger,
        recovered,
        listener,
        tls,
        walls,
    };
    let greeting = greeting(address, &start, token.as_deref());
    let exit = event_loop.block_on(serve(start, parts, &greeting));
    event_loop.shutdown_timeout(Duration::from_secs(1));
    exit
}

/// What the user wrote, put together.
struct Start {
    path: Option<PathBuf>,
    config: ServeConfig,
    listen: SocketAddr,
    data: PathBuf,
}

impl Start {
    fn of(args: &ServeArgs) -> Result<Self> {
        let config = match &args.config {
            Some(path) => ServeConfig::read(path)?,
            None => ServeConfig::default(),
        };
        let data = args.data.clone().or_else(|| config.data.clone());
        Ok(Self {
            path: args.config.clone(),
            listen: args.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN),
            data: data.unwrap_or_else(|| DEFAULT_DATA.into()),
            config,
        })
    }

    /// As many open files as the system lets this process have: connections and guests share them.
    fn raise_open_files() {
        let mut limit = getrlimit(Limit::Nofile);
        limit.current = limit.maximum;
        // Where it can't be raised, what there is has to do.
        let _ = setrlimit(Limit::Nofile, limit);
    }

    /// Gives up what the server does not need, before there are other threads. What it needs for good is made first.
    fn raise_walls(&self, port: u16, allow_missing: bool) -> Result<Vec<WallView>> {
        for dir in [
            self.data.clone(),
            self.data.join(CACHE),
            self.data.join(SPILL),
        ] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&dir);
            made.map_err(|error| {
                let reason = error_text(&error);
                Failure::usage(format!(
                    "the directory `{}` can't be made: {reason}",
                    dir.display()
                ))
            })?;
        }
        let config = &self.config;
        let files = config
            .tls
            .iter()
            .flat_map(|tls| [&tls.certificate, &tls.key]);
        // Whoever edits a file may put another one in its place.
        let folder = |file: &PathBuf| match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Where certificates to trust are, if not in the system's place.
        let trusted = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
        let trusted = trusted.into_iter().flatten().map(PathBuf::from);
        let trusted = trusted.filter(|path| config.has_http() && path.exists());
        let options = WallsOptions {
            writable: [&self.data]
                .into_iter()
                .chain(&config.roots)
                .chain(&config.host.spill_dir)
                .cloned()
                .collect(),
            readable: files.chain(&self.path).map(folder).chain(trusted).collect(),
            listen_ports: vec![port],
            outbound: config.has_http(),
            required: !allow_missing,
        };
        let failed = |error: WallsError| Failure::usage(error.to_string());
        let standing = Walls::plan(options)
            .and_then(Walls::raise)
            .map_err(failed)?;
        let view = |name: &str, wall: &Wall| {
            let (stands, detail) = match wall {
                Wall::Stands { detail } => (true, detail),
                Wall::Down { why } => (false, why),
            };
            WallView {
                name: name.to_owned(),
                stands,
                detail: detail.clone(),
            }
        };
        Ok(vec![
            view("landlock", &standing.landlock),
            view("seccomp", &standing.seccomp),
            view("no new privileges", &standing.no_new_privileges),
        ])
    }

    /// The runtime's options: compiled code and spilled objects lie with the rest of the state.
    fn runtime(&self) -> Result<RuntimeOptions> {
        let settings = self.config.host.settings();
        let mut options = settings.resolve(&|_| None)?;
        options.cache = CacheDir::At(self.data.join(CACHE));
        options.untrusted_modules = true;
        if self.config.host.spill_dir.is_none() {
            options.spill = SpillTo::Dir(self.data.join(SPILL));
        }
        Ok(options)
    }

    fn tls(&self) -> Result<Option<Tls>> {
        let tls = self.config.tls.as_ref();
        let read = tls.map(|tls| Tls::read(&tls.certificate, &tls.key));
        Ok(read.transpose()?)
    }
}

fn drain(config: &ServeConfig) -> Duration {
    config.drain.map_or(DRAIN, |drain| drain.0)
}

/// A new state directory gets a tenant and an admin's token, which is shown this once.
fn first_start(ledger: &Ledger, config: &ServeConfig) -> Result<Option<String>> {
    let failed = |error: &dyn std::fmt::Display| Failure::internal(error.to_string());
    let tokens = ledger.tokens().map_err(|error| failed(&error))?;
    if tokens.iter().any(|token| token.tenant.is_none()) {
        return Ok(None);
    }
    let name = DEFAULT_TENANT.parse().map_err(|error| failed(&error))?;
    if ledger.tenants().map_err(|error| failed(&error))?.is_empty() {
        ledger
            .put_tenant(name, std::num::NonZeroU32::MIN, default_limits(config))
            .map_err(|error| failed(&error))?;
    }
    let admin = NewToken {
        tenant: None,
        role: Role::Admin,
        label: "made at the first start".to_owned(),
        expires_at: None,
    };
    let (text, _) = ledger.issue(admin).map_err(|error| failed(&error))?;
    Ok(Some(text.reveal().to_owned()))
}

/// What is printed when the server answers.
fn greeting(address: SocketAddr, start: &Start, token: Option<&str>) -> String {
    let scheme = match start.config.tls {
        Some(_) => "https",
        None => "http",
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("wrun {version} listens on {scheme}://{address}\n");
    if let Some(token) = token {
        text.push_str(&format!(
            "The admin's token, which is shown this once:\nexport WRUN_TOKEN={token}\n"
        ));
    }
    text
}

/// What there is before the event loop.
struct Parts {
    ledger: Ledger,
    recovered: Recovered,
    listener: std::net::TcpListener,
    tls: Option<Tls>,
    walls: Vec<WallView>,
}

async fn serve(start: Start, parts: Parts, greeting: &str) -> Result<Exit> {
    let Parts {
        ledger,
        recovered,
        listener,
        tls,
        walls,
    } = parts;
    let mut stop = Stop::new()?;
    let runtime = submit::start(start.runtime()?)?;
    tell(&recovered);
    for wall in walls.iter().filter(|wall| !wall.stands) {
        output::note(&format!(
            "the wall `{}` is missing: {}",
            wall.name, wall.detail
        ));
    }
    let daemon = Daemon::start(runtime, ledger, recovered, &start.config);
    let daemon = daemon.map_err(|error| Failure::usage(error.to_string()))?;
    let server = Server::new(listener, tls.clone(), daemon.clone(), walls)?;
    // Before anybody knows that it is there, since a SIGHUP that is not handled ends the process.
    let hangups = signal(SignalKind::hangup());
    output::print(greeting)?;
    let (drains, newest_drain) = watch::channel(drain(&start.config));
    let reloads = tokio::runtime::Handle::current().spawn(reload(
        hangups,
        start.path.clone(),
        start.config.clone(),
        daemon.clone(),
        tls,
        drains,
    ));
    let (draining, mut drained) = tokio::sync::oneshot::channel();
    let ending = async {
        let reason = stop.next().await;
        let drain = *newest_drain.borrow();
        output::note(&format!(
            "stopping: jobs have {drain:?} to end; a second signal stops them"
        ));
        tokio::select! {
            () = daemon.stop(drain) => {}
            _ = stop.next() => daemon.stop(Duration::ZERO).await,
        }
        let _ = draining.send(reason);
    };
    server.serve(ending, CONNECTIONS).await;
    reloads.abort();
    match drained.try_recv() {
        Ok(Reason::Signal(exit)) => Ok(exit),
        _ => Ok(Exit::Success),
    }
}

/// What an earlier process left.
fn tell(recovered: &Recovered) {
    let counts = [
        (recovered.rerun.len(), "run again"),
        (
            recovered.lost.len(),
            "are lost, as they were not to run again",
        ),
        (
            recovered.quarantined.len(),
            "are in quarantine after three unclean stops",
        ),
    ];
    for (n, what) in counts.iter().filter(|(n, _)| *n > 0) {
        output::note(&format!(
            "{n} unfinished jobs of the process before this {what}"
        ));
    }
}

/// Reads the configuration again whenever a SIGHUP comes.
async fn reload(
    hangups: std::io::Result<Signal>,
    path: Option<PathBuf>,
    first: ServeConfig,
    daemon: Daemon,
    tls: Option<Tls>,
    drains: watch::Sender<Duration>,
) {
    let Ok(mut hangups) = hangups else {
        return output::note("SIGHUP can't be handled: the configuration is not read again");
    };
    while hangups.recv().await.is_some() {
        let Some(path) = path.clone() else {
            output::note("SIGHUP: there is no configuration file to read again");
            continue;
        };
        let (first, daemon, tls) = (first.clone(), daemon.clone(), tls.clone());
        let again =
            tokio::task::spawn_blocking(move || read_again(&path, &first, &daemon, tls.as_ref()));
        match again.await {
            Ok(Ok(config)) => {
                drains.send_replace(drain(&config));
                output::note("the configuration was read again");
            }
            Ok(Err(why)) => output::note(&format!("the configuration is as before: {why}")),
            Err(error) => output::note(&format!("the configuration is as before: {error}")),
        }
    }
}

fn read_again(
    path: &std::path::Path,
    first: &ServeConfig,
    daemon: &Daemon,
    tls: Option<&Tls>,
) -> Result<ServeConfig, String> {
    let config = ServeConfig::read(path).map_err(|error| error.to_string())?;
    let fixed = [
        ("roots", config.roots == first.roots),
        ("listen", config.listen == first.listen),
        ("data", config.data == first.data),
        ("host", config.host == first.host),
        ("tls", config.tls.is_some() == first.tls.is_some()),
        // The walls were raised without a way out.
        ("http", first.has_http() || !config.has_http()),
    ];
    if let Some((name, _)) = fixed.iter().find(|(_, same)| !same) {
        return Err(format!("`{name}` was changed, which takes a restart"));
    }
    if let (Some(files), Some(tls)) = (&config.tls, tls) {
        tls.reload(&files.certificate, &files.key)
            .map_err(|error| error.to_string())?;
    }
    let configured = daemon.configure(&config);
    configured
        .map(|()| config)
        .map_err(|error| error.to_string())
}
