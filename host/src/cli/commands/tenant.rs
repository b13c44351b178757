//! `wrun tenant`: a server's tenants and their tokens.

use std::{cmp::Reverse, fmt::Write as _, num::NonZeroUsize, time::Duration};

use crate::{
    api::{Role, TenantLimits, TenantRequest, TenantUse, TenantView, TokenRequest},
    cli::{
        Exit,
        args::{TenantAddArgs, TenantCommand, TenantSort, TenantsArgs, TokenCommand},
        failure::{Failure, Result},
        output, remote,
    },
    config::format_size,
    rt::clock,
};

pub(super) async fn run(command: TenantCommand) -> Result<Exit> {
    let client = remote::required()?;
    match command {
        TenantCommand::Add(args) => {
            let request = request(&args);
            let existing = client.tenants().await?.tenants;
            let is_new = !existing.iter().any(|tenant| tenant.name == args.name);
            let tenant = client.put_tenant(&args.name, &request).await?;
            if !is_new {
                output::note(&format!(
                    "tenant `{}` was there and is changed",
                    tenant.name
                ));
                return Ok(Exit::Success);
            }
            let token = token(Role::Submit, "the first", false);
            let issued = client.issue(&args.name, &token).await?;
            output::note(&format!(
                "tenant `{}` is there; its token, which is shown this once:",
                tenant.name
            ));
            output::print(&format!("{}\n", issued.token))?;
        }
        TenantCommand::List(args) => return list(args).await,
        TenantCommand::Remove { name } => client.remove_tenant(&name).await?,
        TenantCommand::Token { command } => tokens(&client, command).await?,
    }
    Ok(Exit::Success)
}

/// `wrun tenant list`, and `wrun list tenants`.
pub(super) async fn list(args: TenantsArgs) -> Result<Exit> {
    let mut list = remote::required()?.tenants().await?;
    let tenants = &mut list.tenants;
    tenants.retain(|tenant| args.name.as_ref().is_none_or(|name| tenant.name == *name));
    match args.sort {
        None | Some(TenantSort::Name) => {}
        Some(TenantSort::Cpu) => {
            tenants.sort_by(|one, other| other.used.cpu_seconds.total_cmp(&one.used.cpu_seconds))
        }
        Some(TenantSort::Memory) => tenants.sort_by_key(|tenant| Reverse(tenant.used.memory)),
        Some(TenantSort::Jobs) => tenants.sort_by_key(|tenant| Reverse(tenant.used.jobs)),
        Some(TenantSort::Tasks) => tenants.sort_by_key(|tenant| Reverse(tenant.used.queued_tasks)),
    }
    tenants.truncate(args.limit.map_or(usize::MAX, NonZeroUsize::get));
    output::print(&match args.json {
        true => pretty(&list)?,
        false => table(&list.tenants),
    })?;
    Ok(Exit::Success)
}

fn token(role: Role, label: &str, rotate: bool) -> TokenRequest {
    TokenRequest {
        role,
        label: label.to_owned(),
        valid_seconds: None,
        rotate,
    }
}

async fn tokens(client: &crate::client::Client, command: TokenCommand) -> Result<()> {
    let (name, request) = match command {
        TokenCommand::Issue {
            name,
            role,
            label,
            valid,
        } => {
            let mut request = token(role.into(), label.as_deref().unwrap_or_default(), false);
            request.valid_seconds = valid.map(|time| time.as_secs().max(1));
            (name, request)
        }
        TokenCommand::Rotate { name, role } => (name, token(role.into(), "rotated", true)),
        TokenCommand::Revoke { name, id } => return Ok(client.revoke(&name, &id).await?),
        TokenCommand::List { name } => {
            let list = client.tokens(&name).await?;
            let mut text = format!(
                "{:<10} {:<8} {:<9} {:<14} LABEL\n",
                "ID", "ROLE", "STATE", "ISSUED"
            );
            for token in list.tokens {
                let state = match token.expires_at {
                    _ if token.revoked => "revoked",
                    Some(at) if at <= clock::unix_millis() => "expired",
                    _ => "valid",
                };
                let role = format!("{:?}", token.role).to_lowercase();
                let issued = remote::ago(token.created_at);
                // Writing to a string does not fail.
                let _ = writeln!(
                    text,
                    "{:<10} {role:<8} {state:<9} {issued:<14} {}",
                    token.id, token.label
                );
            }
            return output::print(&text);
        }
    };
    let issued = client.issue(&name, &request).await?;
    output::print(&format!("{}\n", issued.token))
}

fn request(args: &TenantAddArgs) -> TenantRequest {
    // Less than a second is one.
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs().max(1));
    let limits = TenantLimits {
        memory: args.memory,
        object_bytes: args.object_bytes,
        spilled_bytes: args.spilled_bytes,
        sandboxes: args.sandboxes,
        queued_tasks: args.queued_tasks,
        queued_bytes: args.queued_bytes,
        actors: args.actors,
        open_files: args.open_files,
        handles: args.handles,
        log_bytes: args.log_bytes,
        module_bytes: args.module_bytes,
        concurrent_compilations: args.concurrent_compilations,
        compile_seconds: seconds(args.compile_time),
        cpu_seconds_per_task: seconds(args.cpu_per_task),
        cpu_seconds_per_job: seconds(args.cpu_per_job),
        wall_seconds_per_job: seconds(args.time_per_job),
        result_bytes: args.result_bytes,
        requests_per_second: args.requests_per_second,
        jobs: args.jobs,
        retention_seconds: seconds(args.retention),
        retention_bytes: args.retention_bytes,
    };
    TenantRequest {
        weight: args.weight,
        limits,
    }
}

pub(super) fn pretty(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|error| Failure::internal(format!("it does not serialize: {error}")))
}

/// Use against limit, a line for each.
fn table(tenants: &[TenantView]) -> String {
    let mut text = String::new();
    for tenant in tenants {
        let from = if tenant.from_config {
            ", from the configuration"
        } else {
            ""
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} (weight {}{from})", tenant.name, tenant.weight);
        let cpu = format!("{:.1} s", tenant.used.cpu_seconds);
        let http = (!tenant.http.is_empty()).then(|| ("http", tenant.http.join(", ")));
        let rows = rows(&tenant.used, &tenant.limits);
        for (name, value) in rows.chain([("processor time", cpu)]).chain(http) {
            let _ = writeln!(text, "  {name:<15} {value}");
        }
    }
    text
}

/// What a tenant has of what it may have; of a limit that nothing counts against, what it is.
#[allow(clippy::too_many_lines, reason = "two for each limit")]
fn rows(
    used: &TenantUse,
    limits: &TenantLimits,
) -> impl Iterator<Item = (&'static str, String)> + use<> {
    // Whoever adds a limit shows it.
    let TenantLimits {
        memory,
        object_bytes,
        spilled_bytes,
        sandboxes,
        queued_tasks,
        queued_bytes,
        actors,
        open_files,
        handles,
        log_bytes,
        module_bytes,
        concurrent_compilations,
        compile_seconds,
        cpu_seconds_per_task,
        cpu_seconds_per_job,
        wall_seconds_per_job,
        result_bytes,
        requests_per_second,
        jobs,
        retention_seconds,
        retention_bytes,
    } = *limits;
    let of = |used: String, limit: Option<String>| match limit {
        Some(limit) => Some(format!("{used} of {limit}")),
        None => Some(used),
    };
    let bytes = |used, limit: Option<u64>| of(format_size(used), limit.map(format_size));
    let count = |used: u64, limit: Option<u64>| of(used.to_string(), limit.map(|n| n.to_string()));
    let seconds = |limit: Option<u64>| limit.map(|n| format!("{n} s"));
    // What is counted is that of all jobs.
    let log_limit = log_bytes.map(|limit| format!("{} for each job", format_size(limit)));
    [
        ("memory", bytes(used.memory, memory)),
        ("object bytes", bytes(used.object_bytes, object_bytes)),
        ("spilled bytes", bytes(used.spilled_bytes, spilled_bytes)),
        ("queued bytes", bytes(used.queued_bytes, queued_bytes)),
        ("module bytes", bytes(used.module_bytes, module_bytes)),
        ("log bytes", of(format_size(used.log_bytes), log_limit)),
        (
            "retention bytes",
            bytes(used.retention_bytes, retention_bytes),
        ),
        ("jobs", count(used.jobs, jobs)),
        ("queued tasks", count(used.queued_tasks, queued_tasks)),
        ("sandboxes", count(used.sandboxes, sandboxes)),
        ("actors", count(used.actors, actors)),
        ("open files", count(used.open_files, open_files)),
        ("handles", count(used.handles, handles)),
        (
            "compilations",
            count(used.concurrent_compilations, concurrent_compilations),
        ),
        ("compile time", seconds(compile_seconds)),
        ("cpu per task", seconds(cpu_seconds_per_task)),
        ("cpu per job", seconds(cpu_seconds_per_job)),
        ("time per job", seconds(wall_seconds_per_job)),
        ("result bytes", result_bytes.map(format_size)),
        (
            "requests",
            requests_per_second.map(|n| format!("{n} in a second")),
        ),
        ("retention", seconds(retention_seconds)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}
