//! `wrun info`: what this machine offers, and what wrun makes of it.

use std::{env, fmt::Write as _, fs, num::NonZeroUsize, thread, time::Duration};

use serde::Serialize;

use super::submit;
use crate::{
    api::ServerInfo,
    cli::{
        Exit,
        args::InfoArgs,
        failure::{Failure, Result},
        output, remote,
    },
    config::{RuntimeSettings, format_size},
    node::NodeInfo,
    sandbox::EngineInfo,
};

/// What there is to say.
#[derive(Debug, Serialize)]
struct Info {
    version: &'static str,
    /// Cores that this process may use.
    cores: Option<usize>,
    kernel: Option<String>,
    /// Bytes of memory that the machine has.
    machine_memory: Option<u64>,
    #[serde(flatten)]
    node: NodeInfo,
}

pub(super) async fn run(args: InfoArgs) -> Result<Exit> {
    if let Some(server) = remote::from_env()? {
        output::print(&of_server(&server.info().await?, args.json)?)?;
        return Ok(Exit::Success);
    }
    let options = RuntimeSettings::default().resolve(&|name| env::var_os(name))?;
    let runtime = submit::start(options)?;
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        cores: thread::available_parallelism().ok().map(NonZeroUsize::get),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .ok()
            .map(|text| format!("{} {}", env::consts::OS, text.trim())),
        machine_memory: fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| total_memory(&text)),
        node: runtime.info(),
    };
    submit::shut_down(runtime, Duration::from_secs(5)).await;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&info);
        json.map_err(|error| {
            Failure::internal(format!("the information does not serialize: {error}"))
        })? + "\n"
    } else {
        table(&info)
    };
    output::print(&text)?;
    Ok(Exit::Success)
}

fn of_server(info: &ServerInfo, json: bool) -> Result<String> {
    if json {
        return super::tenant::pretty(info);
    }
    let who = info.tenant.as_deref().unwrap_or("the host's admin");
    let role = format!("{:?}", info.role).to_lowercase();
    let mut rows = vec![
        ("wrun".to_owned(), info.version.clone()),
        ("up for".to_owned(), format!("{} s", info.uptime_seconds)),
        (
            "takes jobs".to_owned(),
            if info.accepting {
                "yes"
            } else {
                "no, it stops"
            }
            .to_owned(),
        ),
        ("slots".to_owned(), info.slots.to_string()),
        ("workers".to_owned(), info.workers.to_string()),
        ("sandboxes".to_owned(), info.sandboxes.clone()),
        ("  memory of one".to_owned(), format_size(info.memory_limit)),
        ("  memory of all".to_owned(), format_size(info.total_memory)),
        (
            "objects, at most".to_owned(),
            format_size(info.object_store_memory),
        ),
        ("you are".to_owned(), format!("{who} ({role})")),
    ];
    for wall in &info.walls {
        let stands = if wall.stands { "stands" } else { "down" };
        rows.push((
            format!("wall: {}", wall.name),
            format!("{stands}: {}", wall.detail),
        ));
    }
    Ok(rows.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<21} {value}");
        text
    }))
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// How modules that start with much memory are run.
fn large(engine: &EngineInfo) -> String {
    match &engine.large_pool_off {
        None => format!(
            "{}, of which written pages are rewritten: modules that start with more than {}",
            engine.large_pool_size,
            format_size(engine.large_from)
        ),
        Some(why) => format!("as for others: {why}"),
    }
}

fn table(info: &Info) -> String {
    let unknown = || "unknown".to_owned();
    let (node, engine) = (&info.node, &info.node.engine);
    let strategy = serde_json::to_value(engine.strategy).ok();
    let strategy = strategy
        .as_ref()
        .and_then(serde_json::Value::as_str)
        .unwrap_or("unknown");
    let cache = match (&engine.cache, &engine.cache_off) {
        (Some(path), _) => path.clone(),
        (None, why) => format!("off: {}", why.as_deref().unwrap_or("no directory for it")),
    };
    let disk = match (&node.spill_dir, &node.spill_off) {
        (Some(path), _) => path.display().to_string(),
        (None, why) => format!("off: {}", why.as_deref().unwrap_or("unknown")),
    };
    let disk_limit = node
        .spill_limit
        .map_or_else(|| "what is free".to_owned(), format_size);
    let rows = [
        ("wrun", info.version.to_owned()),
        (
            "cores",
            info.cores.map_or_else(unknown, |cores| cores.to_string()),
        ),
        ("kernel", info.kernel.clone().unwrap_or_else(unknown)),
        (
            "memory",
            info.machine_memory.map_or_else(unknown, format_size),
        ),
        ("slots", node.slots.to_string()),
        ("workers", node.workers.to_string()),
        ("sandboxes", format!("{strategy}: {}", engine.why)),
        ("  ready in the pool", engine.pool_size.to_string()),
        ("  for large modules", large(engine)),
        ("  at most", node.max_sandboxes.to_string()),
        ("  memory of one", format_size(node.memory_limit)),
        ("  memory of all", format_size(node.total_memory)),
        ("objects, at most", format_size(node.object_store_memory)),
        ("  then on disk in", disk),
        ("  on disk, at most", disk_limit),
        ("queued calls, at most", node.max_queued_calls.to_string()),
        (
            "module size, at most",
            format_size(u64::try_from(engine.max_module_size).unwrap_or(u64::MAX)),
        ),
        ("compiled code in", cache),
    ];
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<22} {value}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read() {
        let text = "MemTotal:       16384 kB\nMemFree:         1 kB\n";
        assert_eq!(total_memory(text), Some(16 << 20));
        assert_eq!(total_memory("MemFree: 1 kB\n"), None);
    }
}
