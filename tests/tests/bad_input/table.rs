//! The host functions, as `ABI.md` lists them, and guests that call them with what each test wants.

use std::time::{Duration, Instant};

use serde::Serialize;
use wrun_host::{CacheDir, JobOptions, Runtime, RuntimeOptions, TaskError};

use super::support::guest;

const ABI: &str = include_str!("../../../guest-sdk/abi/ABI.md");

/// One host function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
    /// The result's type, or nothing.
    pub(crate) result: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) role: Role,
}

/// What a parameter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Where something is in the guest's memory.
    Pointer,
    /// How much is there.
    Length,
    /// A handle.
    Handle,
    /// Anything else.
    Number,
}

fn role(name: &str) -> Role {
    match name {
        "ptr" | "refs" | "out" => Role::Pointer,
        "len" | "cap" | "n" | "nrefs" => Role::Length,
        "h" => Role::Handle,
        "i" | "index" | "offset" | "kind" | "timeout" | "min" | "max" | "flags" | "mode" | "ns"
        | "view" | "bytes" => Role::Number,
        other => panic!("`ABI.md` has a parameter `{other}`: say here what it is"),
    }
}

/// The rows of the tables of functions in `ABI.md`.
pub(crate) fn functions() -> Vec<Function> {
    let rows = ABI.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        let (params, result) = cells.next()?.strip_prefix("`(")?.split_once(')')?;
        let params = params
            .split(", ")
            .filter(|param| !param.is_empty())
            .map(|param| {
                let (name, ty) = param.split_once(": ").unwrap();
                Param {
                    name: name.to_owned(),
                    ty: ty.to_owned(),
                    role: role(name),
                }
            });
        let result = result.trim_matches('`').trim_start_matches(" -> ");
        Some(Function {
            name: name.to_owned(),
            params: params.collect(),
            result: result.to_owned(),
        })
    });
    let functions: Vec<Function> = rows.collect();
    assert!(
        functions.len() >= 24,
        "{} functions were found in `ABI.md`",
        functions.len()
    );
    functions
}

impl Function {
    fn import(&self) -> String {
        let params: Vec<&str> = self.params.iter().map(|param| &*param.ty).collect();
        let result = if self.result.is_empty() {
            String::new()
        } else {
            format!("(result {})", self.result)
        };
        format!(
            "(import \"wrun\" \"{name}\" (func ${name} (param {}) {result}))\n",
            params.join(" "),
            name = self.name
        )
    }

    /// A call with these arguments, in text.
    pub(crate) fn call(&self, arguments: &[String]) -> String {
        let arguments: Vec<String> = self
            .params
            .iter()
            .zip(arguments)
            .map(|(param, value)| format!("({}.const {value})", param.ty))
            .collect();
        format!("(call ${} {})", self.name, arguments.join(" "))
    }

    /// Its type with a result of its own.
    pub(crate) fn is_answered(&self) -> bool {
        !self.result.is_empty()
    }
}

/// One task of a generated guest.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What it does, for messages.
    pub(crate) what: String,
    /// Its body, in text; `$h` is a local for an object's handle, made before by `put`.
    pub(crate) body: String,
}

/// A guest with a task `c0`, `c1` … for each case, all of which take one argument.
///
/// In each, `$h` holds the handle of an object that refers to another object.
pub(crate) fn guest_of(cases: &[Case]) -> String {
    let mut fields = String::from(
        r#"(data (i32.const 1024) "\01null")
        (func $object (result i32)
          (i32.store (i32.const 1040) (call $put (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0)))
          (call $put (i32.const 1024) (i32.const 5) (i32.const 1040) (i32.const 1)))
        (func $done
          (drop (call $result_write (i32.const 0) (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0))))
"#,
    );
    let mut manifest = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        fields.push_str(&format!(
            "(func (export \"c{number}\") (local $h i32) (local $i i32) (local.set $h (call $object)) {} (call $done))\n",
            case.body
        ));
        manifest.push(format!(
            r#"{{"abi":1,"kind":"task","name":"c{number}","export":"c{number}","params":[{{"name":"x"}}]}}"#
        ));
    }
    for (kind, name) in [("constructor", "C"), ("method", "C.m")] {
        manifest.push(format!(
            r#"{{"abi":1,"kind":"{kind}","name":"{name}","export":"nothing"}}"#
        ));
    }
    fields.push_str(r#"(func (export "nothing"))"#);
    let imports: String = functions().iter().map(Function::import).collect();
    let manifest: Vec<&str> = manifest.iter().map(String::as_str).collect();
    guest(&imports, &fields, &manifest)
}

/// Runs each case as a task of its own and gives what came of it; nothing may be left behind.
pub(crate) fn run(cases: &[Case]) -> Vec<Result<(), TaskError>> {
    let tasks: Vec<String> = (0..cases.len())
        .map(|number| format!("c{number}"))
        .collect();
    call_all(&guest_of(cases), &tasks, ("x",))
}

/// Calls each of these tasks of a guest, all in one job, and gives what came of them; nothing may be left behind.
pub(crate) fn call_all(
    guest: &str,
    tasks: &[String],
    arguments: impl Serialize,
) -> Vec<Result<(), TaskError>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let cache = tempfile::tempdir().unwrap();
        let mut options = RuntimeOptions::default();
        options.cache = CacheDir::At(cache.path().to_owned());
        let host = Runtime::start(options).unwrap();
        let module = host
            .load("cases.wat", guest.as_bytes().to_vec())
            .await
            .unwrap();
        let job = host.open(&module, JobOptions::default()).unwrap();
        let mut calls = Vec::new();
        for task in tasks {
            calls.push(job.call(task, &arguments).await.unwrap());
        }
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(call.json().await.map(|_| ()));
        }
        assert_eq!(job.close().await.error, None);
        drop((job, module));
        nothing_is_held(&host).await;
        host.shutdown().await;
        outcomes
    })
}

/// A worker may still be on its way out of a call when its job has ended.
async fn nothing_is_held(host: &Runtime) {
    let end = Instant::now() + Duration::from_secs(5);
    while !host.held().is_empty() {
        assert!(Instant::now() < end, "{:?}", host.held());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
