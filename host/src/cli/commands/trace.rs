//! `wrun summary tasks` and `wrun timeline`: what the calls of a job on a server did.

use crate::cli::{
    Exit,
    args::TimelineArgs,
    failure::{Failure, Result},
    output, remote, timeline,
};

pub(super) async fn summary(id: String, json: bool) -> Result<Exit> {
    let summary = remote::required()?.summary(&id).await?;
    output::print(&if json {
        super::tenant::pretty(&summary)?
    } else {
        output::functions_table(&summary.functions)
    })?;
    Ok(Exit::Success)
}

pub(super) async fn timeline(args: TimelineArgs) -> Result<Exit> {
    let trace = remote::required()?.trace(&args.id).await?;
    match &args.output {
        Some(path) => timeline::save(&trace, &args.id, path)?,
        None => {
            let mut text = Vec::new();
            let written = timeline::write(&trace, &args.id, &mut text);
            written.map_err(|error| Failure::internal(error.to_string()))?;
            output::print(&String::from_utf8_lossy(&text))?;
        }
    }
    if trace.one_of > 1 {
        output::note(&format!(
            "one of {} calls is in it; {} are left out",
            trace.one_of, trace.left_out
        ));
    }
    Ok(Exit::Success)
}
