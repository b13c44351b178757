//! `wrun serve`: a server for many tenants, until it is told to stop.

use std::{
    fs::DirBuilder,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
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
        log::{Filter, Log},
        output,
        stop::{Reason, Stop},
    },
    config::{DEFAULT_DATA, DEFAULT_LISTEN, ServeConfig, error_text},
    daemon::{Daemon, default_limits},
    ledger::{Ledger, NewToken, Recovered, Role},
    node::{RuntimeOptions, SpillTo},
    otlp::{Collector, OtlpError},
    sandbox::CacheDir,
    server::{Server, ServerError, Tls},
    walls::{Wall, Walls, WallsError, WallsOptions},
};

/// Jobs may go on so long after a signal to stop, if the configuration does not say otherwise.
const DRAIN: Duration = Duration::from_secs(30);
/// And connections after the last job.
const CONNECTIONS: Duration = Duration::from_secs(3);
/// And the collector of spans, to take the last of them.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// Compiled code, below the state directory.
const CACHE: &str = "cache";
/// Objects that memory has no room for, there too.
const SPILL: &str = "spill";

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<OtlpError> for Failure {
    fn from(error: OtlpError) -> Self {
        match error {
            OtlpError::Client(_) => Self::internal(error.to_string()),
            error => Self::usage(error.to_string()),
        }
    }
}

pub(super) fn run(args: &ServeArgs) -> Result<Exit> {
    let mut start = Start::of(args)?;
    let filter = filter(args)?;
    // Both before anything else starts: what can't be had is told at once.
    let listener = Server::bind(start.listen)?;
    start.listen = listener.local_addr().unwrap_or(start.listen);
    let tls = start.tls()?;
    let collector = args.otlp.as_deref().map(Collector::find).transpose()?;
    Start::raise_open_files();
    let walls = start.raise_walls(collector.as_ref(), args.allow_missing_walls)?;
    let log = Log::start(args.log_format, filter);
    // It goes last, with what the others had to tell.
    let _log = log.map_err(|error| Failure::internal(format!("no log: {error}")))?;
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
        collector,
    };
    let greeting = greeting(&start, token.as_deref());
    let exit = event_loop.block_on(serve(start, parts, &greeting));
    event_loop.shutdown_timeout(Duration::from_secs(1));
    exit
}

/// What is logged: as the arguments say, else as the environment does.
fn filter(args: &ServeArgs) -> Result<Filter> {
    if let Some(filter) = &args.log {
        return Ok(filter.clone());
    }
    let Some(text) = std::env::var_os("WRUN_LOG").filter(|text| !text.is_empty()) else {
        return Ok(Filter::default());
    };
    let filter = text.to_string_lossy().parse();
    filter.map_err(|why| {
        Failure::usage(format!(
            "the environment variable WRUN_LOG can't be used: {why}"
        ))
    })
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
    fn raise_walls(
        &self,
        collector: Option<&Collector>,
        allow_missing: bool,
    ) -> Result<Vec<WallView>> {
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
            listen_ports: vec![self.listen.port()],
            outbound: config.has_http(),
            connect_ports: collector.map(Collector::port).into_iter().collect(),
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
        options.dashboard_url = Some(self.dashboard());
        if self.config.host.spill_dir.is_none() {
            options.spill = SpillTo::Dir(self.data.join(SPILL));
        }
        Ok(options)
    }

    /// Where it answers.
    fn url(&self, address: SocketAddr) -> String {
        let scheme = match self.config.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{address}")
    }

    /// Where its dashboard is for a browser here, which can't open an address that stands for all of the machine's.
    fn dashboard(&self) -> String {
        let host = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        self.url(SocketAddr::new(host, self.listen.port())) + "/"
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
pub(super) fn first_start(ledger: &Ledger, config: &ServeConfig) -> Result<Option<String>> {
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
fn greeting(start: &Start, token: Option<&str>) -> String {
    let (version, dashboard) = (env!("CARGO_PKG_VERSION"), start.dashboard());
    let mut text = format!("wrun {version} listens on {}\n", start.url(start.listen));
    match token {
        Some(token) => text.push_str(&format!(
            "The admin's token, which is shown this once:\nexport WRUN_TOKEN={token}\ndashboard: {dashboard}#token={token}\n"
        )),
        None => text.push_str(&format!("dashboard: {dashboard}\n")),
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
    collector: Option<Collector>,
}

async fn serve(start: Start, parts: Parts, greeting: &str) -> Result<Exit> {
    let Parts {
        ledger,
        recovered,
        listener,
        tls,
        walls,
        collector,
    } = parts;
    let mut stop = Stop::new()?;
    let runtime = submit::start(start.runtime()?)?;
    tell(&recovered, &walls);
    let handle = tokio::runtime::Handle::current();
    let exporter = collector
        .map(|collector| collector.start(&handle))
        .transpose()?;
    let daemon = Daemon::start(runtime, ledger, recovered, &start.config, exporter.clone());
    let daemon = daemon.map_err(|error| Failure::usage(error.to_string()))?;
    let server = Server::new(listener, tls.clone(), daemon.clone(), walls)?;
    // Before anybody knows that it is there, since a SIGHUP that is not handled ends the process.
    let hangups = signal(SignalKind::hangup());
    output::print(greeting)?;
    let (drains, newest_drain) = watch::channel(drain(&start.config));
    let reloads = handle.spawn(reload(
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
        tracing::info!(target: "wrun::server", "stopping: jobs have {drain:?} to end; a second signal stops them");
        tokio::select! {
            () = daemon.stop(drain) => {}
            _ = stop.next() => daemon.stop(Duration::ZERO).await,
        }
        let _ = draining.send(reason);
    };
    server.serve(ending, CONNECTIONS).await;
    reloads.abort();
    if let Some(exporter) = exporter {
        exporter.finish(LAST_SPANS).await;
    }
    tracing::info!(target: "wrun::server", "stopped");
    match drained.try_recv() {
        Ok(Reason::Signal(exit)) => Ok(exit),
        _ => Ok(Exit::Success),
    }
}

/// What an earlier process left, and what holds this one.
fn tell(recovered: &Recovered, walls: &[WallView]) {
    for WallView {
        name,
        stands,
        detail,
    } in walls
    {
        match stands {
            true => tracing::debug!(target: "wrun::server", detail, "the wall `{name}` stands"),
            false => {
                tracing::warn!(target: "wrun::server", "the wall `{name}` is missing: {detail}")
            }
        }
    }
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
        tracing::info!(target: "wrun::server", "{n} unfinished jobs of the process before this {what}");
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
        tracing::error!(target: "wrun::server", "SIGHUP can't be handled: the configuration is not read again");
        return;
    };
    while hangups.recv().await.is_some() {
        let Some(path) = path.clone() else {
            tracing::warn!(target: "wrun::server", "SIGHUP: there is no configuration file to read again");
            continue;
        };
        let (first, daemon, tls) = (first.clone(), daemon.clone(), tls.clone());
        let again =
            tokio::task::spawn_blocking(move || read_again(&path, &first, &daemon, tls.as_ref()));
        match again.await {
            Ok(Ok(config)) => {
                drains.send_replace(drain(&config));
                tracing::info!(target: "wrun::server", "the configuration was read again");
            }
            Ok(Err(why)) => as_before(&why),
            Err(error) => as_before(&error.to_string()),
        }
    }
}

fn as_before(why: &str) {
    tracing::warn!(target: "wrun::server", "the configuration is as before: {why}");
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
