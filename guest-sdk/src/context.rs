//! Where a call runs: [`context`], [`nodes`], [`cluster_resources`]; and [`sleep`].

use std::time::Duration;

use serde::Deserialize;

use crate::{Error, ErrorKind, Result, border};

/// What a call may know about itself and the machine. The ids are for logs; they open nothing.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The job's id.
    pub job: String,
    /// This call's id.
    pub task: String,
    /// The task's, class's or method's name.
    pub name: String,
    /// The actor's id, in a constructor or method.
    pub actor: Option<String>,
    /// Which attempt of this call this is; 0 is the first.
    pub attempt: u32,
    /// How often the whole job was begun before: more than 0 after a server was restarted under it.
    pub job_attempt: u32,
    /// The node's id.
    pub node: String,
    /// How many slots there are.
    pub slots: f64,
    /// How many workers there are.
    pub workers: usize,
    /// Which slot runs this call; `main` has none.
    pub slot: Option<usize>,
    /// Which worker runs this call.
    pub worker: usize,
    /// The number of this call in its job; 1 is `main`.
    pub pid: u64,
    /// Whether this actor was restarted.
    pub restarted: bool,
    /// This attempt as a span of the trace that the job belongs to, as the header of that name in
    /// [W3C Trace Context](https://www.w3.org/TR/trace-context/): to be sent with requests, which the host does not do by
    /// itself. `None` without a host.
    ///
    /// ```no_run
    /// # fn main() -> wrun::Result<()> {
    /// let mut request = wrun::http::Request::get("https://api.example.com/");
    /// if let Some(traceparent) = wrun::context()?.traceparent {
    ///     request = request.header("traceparent", traceparent);
    /// }
    /// request.send()?;
    /// # Ok(())
    /// # }
    /// ```
    pub traceparent: Option<String>,
    /// The header `tracestate` that the job came with, which goes where `traceparent` goes.
    pub tracestate: Option<String>,
    /// Where people look at what runs on this host, if it has such a page. No token is in it.
    pub dashboard_url: Option<String>,
}

/// One host process.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Whether it answers.
    pub alive: bool,
    /// Its slots.
    pub slots: f64,
    /// Its workers.
    pub workers: usize,
}

/// What all nodes offer together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Resources {
    /// Slots; Ray's "CPU".
    pub cpus: f64,
    /// Nodes.
    pub nodes: usize,
}

/// Tells where this call runs.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn who() -> wrun::Result<(String, u32)> {
///     let context = wrun::context()?;
///     Ok((context.name, context.attempt))
/// }
/// assert_eq!(who::remote().get()?, ("who".to_owned(), 0));
/// # Ok::<(), wrun::Error>(())
/// ```
///
/// # Errors
/// The host's answer is of a later version and does not decode.
pub fn context() -> Result<Context> {
    serde_json::from_slice(&border::context()).map_err(|error| {
        Error::of(
            ErrorKind::System,
            format!("the context does not decode: {error}"),
        )
    })
}

/// The nodes that there are; one in this version.
///
/// # Errors
/// As [`context`].
pub fn nodes() -> Result<Vec<Node>> {
    let context = context()?;
    Ok(vec![Node {
        id: context.node,
        alive: true,
        slots: context.slots,
        workers: context.workers,
    }])
}

/// What all nodes offer together.
///
/// # Errors
/// As [`context`].
pub fn cluster_resources() -> Result<Resources> {
    let nodes = nodes()?;
    Ok(Resources {
        cpus: nodes.iter().map(|node| node.slots).sum(),
        nodes: nodes.len(),
    })
}

/// Sleeps. The call keeps its slot, and can be cancelled meanwhile.
pub fn sleep(time: Duration) {
    border::sleep(time);
}
