//! `wrun module`: the modules that a server has of a tenant.

use std::fmt::Write as _;

use crate::{
    cli::{
        Exit,
        args::ModuleCommand,
        failure::{Result, one_line},
        load::ModuleFile,
        output, remote,
    },
    config::format_size,
};

pub(super) async fn run(command: ModuleCommand) -> Result<Exit> {
    let client = remote::required()?;
    match command {
        ModuleCommand::Push { file } => {
            let file = ModuleFile::read(&file)?;
            let module = remote::push(&client, file, output::progress_wanted()).await?;
            output::print(&format!("{}\n", module.hash))?;
        }
        ModuleCommand::List { json } => {
            let list = client.modules().await?;
            if json {
                output::print(&super::tenant::pretty(&list)?)?;
            } else {
                let mut text = String::new();
                for module in list.modules {
                    let (size, pushed) = (format_size(module.size), remote::ago(module.pushed_at));
                    // Writing to a string does not fail.
                    let _ = writeln!(
                        text,
                        "{} {size:>10} {pushed:>14}  {}",
                        module.hash,
                        one_line(&module.name)
                    );
                }
                output::print(&text)?;
            }
        }
        ModuleCommand::Remove { hash } => client.remove_module(&hash).await?,
    }
    Ok(Exit::Success)
}
