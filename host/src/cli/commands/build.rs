//! `wrun build`: builds a guest crate and prints where the module is.

use crate::cli::{
    Exit,
    args::BuildArgs,
    build::{BuildOptions, Built, Show, build},
    failure::Result,
    output,
    package::Guest,
    stop::Stop,
};

use super::submit::exit_of;

pub(super) async fn run(args: BuildArgs) -> Result<Exit> {
    let guest = Guest::read(&args.dir)?;
    let mut stop = Stop::new()?;
    match build(
        &guest,
        BuildOptions {
            profile: &args.profile,
            show: Show::Cargo,
        },
        &mut stop,
    )
    .await?
    {
        Built::Module(path) => {
            output::print(&format!("{}\n", path.display()))?;
            Ok(Exit::Success)
        }
        Built::Stopped(reason) => Ok(exit_of(reason)),
    }
}
