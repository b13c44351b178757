//! `wrun replay`: runs one failed task again, from the inputs that `wrun submit --record` kept.

use std::{fs, path::Path};

use crate::{
    cli::{
        Exit,
        args::ReplayArgs,
        driver::{Call, Plan},
        failure::{Failure, Result},
        load::ModuleFile,
        output,
        stop::Stop,
    },
    config::{JobSettings, RuntimeSettings, error_text},
    job::TaskRecord,
    sandbox::inspect,
};

use super::submit;

pub(super) async fn run(args: ReplayArgs) -> Result<Exit> {
    let lookup = |name: &str| std::env::var_os(name);
    let record = TaskRecord::find(&args.record, &args.task);
    let record = record.map_err(|error| {
        Failure::usage(error.to_string())
            .help("records are made of the tasks that fail in a run with --record DIR")
    })?;
    let mut file = ModuleFile::read(&module_path(&args.record, &record.module))?;
    file.name.clone_from(&record.module_name);
    let settings = JobSettings {
        args: record.args.clone(),
        dirs: record.dirs.clone(),
        timeout: args.timeout,
        events: args.json,
        ..JobSettings::default()
    };
    let mut job = settings.resolve(&lookup)?;
    job.env.clone_from(&record.env);
    let plan = Plan {
        job,
        call: Some(Call::Replay(Box::new(record))),
        output: None,
        json: args.json,
        progress: output::progress_wanted() && !args.json,
        stats: args.stats,
        timeline: None,
        exporter: None,
    };
    let settings = RuntimeSettings {
        allow_http: args.allow_http,
        allow_http_networks: args.allow_http_network,
        ..RuntimeSettings::default()
    };
    let options = settings.resolve(&lookup)?;
    submit::run_module(options, file, &plan, &mut Stop::new()?).await
}

/// Keeps a copy of the module beside the records of its tasks, for their replay.
pub(super) fn keep_module(dir: &Path, file: &ModuleFile) -> Result<()> {
    let hash = inspect(&file.bytes)?.hash;
    let path = module_path(dir, &hash);
    let fail = |error: std::io::Error| {
        let why = error_text(&error);
        Failure::usage(format!(
            "the module can't be recorded in `{}`: {why}",
            dir.display()
        ))
    };
    fs::create_dir_all(dir).map_err(fail)?;
    fs::write(path, &file.bytes).map_err(fail)
}

fn module_path(dir: &Path, hash: &str) -> std::path::PathBuf {
    dir.join(format!("{hash}.wasm"))
}
