//! `wrun submit --dashboard`: a run here that can be looked at.
//!
//! The runtime stands behind a server of its own on loopback, whose state lies in a directory for as long as the command runs;
//! the job goes there as to any server, and is given all that the host has. When it has ended the server stays until a key is
//! pressed.

use std::{
    io::{self, IsTerminal, Read},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use super::{serve, submit};
use crate::{
    cli::{
        Exit,
        driver::Plan,
        failure::{Failure, Result},
        load::ModuleFile,
        output,
        remote::{self, SendOptions, Sent},
        stop::Stop,
    },
    client::Client,
    config::{HttpConfig, ServeConfig, Size, TenantConfig},
    daemon::Daemon,
    ledger::Ledger,
    node::RuntimeOptions,
    server::Server,
};

/// Connections may go on so long after the key.
const CONNECTIONS: Duration = Duration::from_millis(200);
/// Output that is kept of the job, for who looks later.
const OUTPUT: u64 = 64 << 20;

pub(super) async fn run(
    mut options: RuntimeOptions,
    file: ModuleFile,
    mut plan: Plan,
    stop: &mut Stop,
) -> Result<Exit> {
    let internal = |error: &dyn std::fmt::Display| Failure::internal(error.to_string());
    let state = tempfile::tempdir().map_err(|error| internal(&error))?;
    let (ledger, recovered) = Ledger::open(state.path()).map_err(|error| internal(&error))?;
    let config = config(&options, &mut plan);
    let token = serve::first_start(&ledger, &config)?;
    let listener = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr().map_err(|error| internal(&error))?;
    options.dashboard_url = Some(format!("http://{address}/"));
    let runtime = submit::start(options)?;
    let daemon = Daemon::start(runtime, ledger, recovered, &config, plan.exporter.take());
    let daemon = daemon.map_err(|error| internal(&error))?;
    let server = Server::new(listener, None, daemon.clone(), Vec::new())?;
    let (end, ended) = oneshot::channel::<()>();
    let stopped = async {
        let _ = ended.await;
    };
    let serving = tokio::runtime::Handle::current().spawn(server.serve(stopped, CONNECTIONS));
    let address = format!("http://{address}");
    output::note(&format!(
        "dashboard: {address}/#token={}",
        token.as_deref().unwrap_or_default()
    ));
    let client = Client::new(&address, token, None)?;
    let client = client.with_trace(plan.job.trace_context.take());
    let send = SendOptions::default();
    let ended = remote::submit(&client, Sent::File(file), &plan, &send, stop).await;
    let ended = match ended {
        // Told before anybody looks why.
        Err(failure) => {
            failure.report();
            Err(failure.told())
        }
        ended => ended,
    };
    let is_stopped = ended.as_ref().is_ok_and(|ended| ended.stopped.is_some());
    let jobs = client.jobs(&[], None, 1).await;
    if !is_stopped && jobs.is_ok_and(|list| !list.jobs.is_empty()) {
        output::note(&format!(
            "the job has ended; its dashboard stays at {address} until a key is pressed"
        ));
        tokio::select! {
            () = key() => {}
            _ = stop.next() => {}
        }
    }
    daemon.stop(Duration::ZERO).await;
    drop(end);
    let _ = serving.await;
    // Its threads are waited for, which may not be done here.
    let _ = tokio::task::spawn_blocking(move || drop(daemon)).await;
    ended.map(|ended| ended.exit)
}

/// A server whose only tenant has all that the host has, and what the job is to be given.
fn config(options: &RuntimeOptions, plan: &mut Plan) -> ServeConfig {
    let all = TenantConfig {
        memory: Some(Size(options.total_memory)),
        object_bytes: Some(Size(options.object_store_memory)),
        spilled_bytes: Some(Size(options.spill_limit)),
        sandboxes: Some(options.max_sandboxes),
        queued_tasks: Some(options.max_queued_calls),
        queued_bytes: Some(Size(options.max_queued_bytes)),
        actors: Some(u64::MAX),
        open_files: Some(u64::MAX),
        handles: Some(u64::MAX),
        log_bytes: Some(Size(OUTPUT)),
        module_bytes: Some(Size(u64::MAX)),
        result_bytes: Some(Size(u64::MAX)),
        retention_bytes: Some(Size(u64::MAX)),
        dirs: std::mem::take(&mut plan.job.dirs),
        http: HttpConfig {
            allow: Some(options.http.allow.clone()),
            networks: Some(options.http.networks.clone()),
            ..HttpConfig::default()
        },
        ..TenantConfig::default()
    };
    ServeConfig {
        defaults: all,
        ..ServeConfig::default()
    }
}

/// Waits for a key on the terminal; where there is none, for the end of standard input.
async fn key() {
    let _raw = Raw::new();
    // A thread of its own, since reading can't be given up: it ends with the process.
    let (pressed, key) = oneshot::channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        let _ = io::stdin().lock().read(&mut byte);
        let _ = pressed.send(());
    });
    let _ = key.await;
}

/// The terminal gives each key at once and does not show it, until this is dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn new() -> Self {
        let stdin = io::stdin();
        let before = stdin
            .is_terminal()
            .then(|| tcgetattr(&stdin).ok())
            .flatten();
        if let Some(before) = &before {
            let mut now = before.clone();
            now.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO);
            let _ = tcsetattr(&stdin, OptionalActions::Now, &now);
        }
        Self(before)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
