//! `wrun inspect`: shows a module without running it.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    cli::{
        Exit,
        args::InspectArgs,
        failure::{Failure, Result, printable},
        load::ModuleFile,
        output,
    },
    config::format_size,
    sandbox::{FunctionInfo, ModuleInfo, inspect},
};

pub(super) fn run(args: &InspectArgs) -> Result<Exit> {
    if args.module.is_dir() {
        return Err(Failure::usage(format!(
            "`{}` is a directory, and inspect looks at a module",
            args.module.display()
        ))
        .help("build it, and inspect the file whose path that prints: wrun build DIR"));
    }
    let file = ModuleFile::read(&args.module)?;
    let info = inspect(&file.bytes)
        .map_err(|error| Failure::new(Exit::BadModule, format!("`{}`: {error}", file.name)))?;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&info);
        json.map_err(|error| {
            Failure::internal(format!(
                "the module's description does not serialize: {error}"
            ))
        })? + "\n"
    } else {
        printable(&describe(&file.name, &info))
    };
    output::print(&text)?;
    Ok(Exit::Success)
}

/// The description for people.
fn describe(name: &str, info: &ModuleInfo) -> String {
    let mut text = String::new();
    match info.abi {
        Some(abi) => text.push_str(&format!("{name}: a wrun module, guest ABI {abi}\n")),
        None => text.push_str(&format!(
            "{name}: a plain WASI command; `wrun submit` runs it as one sandboxed task\n"
        )),
    }
    let bytes = |bytes: usize| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    // Writing to a string does not fail, here and below.
    let _ = writeln!(
        text,
        "size    {} ({} code, {} data)",
        bytes(info.size),
        bytes(info.code_size),
        bytes(info.data_size)
    );
    if let Some(memory) = info.memory {
        let maximum = memory.maximum.map_or_else(
            || "no maximum of its own".to_owned(),
            |max| format!("at most {}", format_size(max)),
        );
        let _ = writeln!(
            text,
            "memory  {} at the start, {maximum}",
            format_size(memory.initial)
        );
    }
    let _ = writeln!(text, "hash    {}", info.hash);
    if !info.is_command {
        offers(info, &mut text);
    }
    imports(info, &mut text);
    text
}

fn offers(info: &ModuleInfo, text: &mut String) {
    let manifest = &info.manifest;
    match manifest.main() {
        Some(main) => {
            text.push_str("\nmain\n");
            doc(main.doc.as_deref(), 4, text);
        }
        None => text.push_str("\nno main: run its tasks with --task\n"),
    }
    if !manifest.tasks().is_empty() {
        text.push_str("\ntasks\n");
        manifest
            .tasks()
            .iter()
            .for_each(|task| function(task, &task.name, 2, text));
    }
    if !manifest.constructors().is_empty() {
        text.push_str("\nactors\n");
    }
    let mut methods: BTreeMap<&str, Vec<(&str, &FunctionInfo)>> = BTreeMap::new();
    for method in manifest.methods() {
        if let Some((class, name)) = method.name.split_once('.') {
            methods.entry(class).or_default().push((name, method));
        }
    }
    let docs: BTreeMap<&str, &str> = manifest
        .actors()
        .iter()
        .filter_map(|actor| Some((&*actor.name, actor.doc.as_deref()?)))
        .collect();
    for constructor in manifest.constructors() {
        function(constructor, &constructor.name, 2, text);
        doc(docs.get(&*constructor.name).copied(), 6, text);
        for (name, method) in methods.get(&*constructor.name).into_iter().flatten() {
            function(method, &format!(".{name}"), 4, text);
        }
    }
}

/// `name(x: i64, y: i64) -> i64`, its documentation and the defaults of its options.
fn function(info: &FunctionInfo, name: &str, indent: usize, text: &mut String) {
    let params: Vec<String> = info
        .params
        .iter()
        .map(|param| {
            if param.ty.is_empty() {
                param.name.clone()
            } else {
                format!("{}: {}", param.name, param.ty)
            }
        })
        .collect();
    let _ = write!(text, "{:indent$}{name}({})", "", params.join(", "));
    if let Some(returns) = info.returns.as_deref().filter(|returns| *returns != "()") {
        let _ = write!(text, " -> {returns}");
    }
    match (info.stream, info.num_returns) {
        (true, _) => text.push_str("  [stream]"),
        (false, 0 | 1) => {}
        (false, n) => {
            let _ = write!(text, "  [{n} results]");
        }
    }
    text.push('\n');
    doc(info.doc.as_deref(), indent + 4, text);
    if let Some(options) = options(info) {
        let _ = writeln!(text, "{:width$}options: {options}", "", width = indent + 4);
    }
}

/// The defaults that the module sets, as `name=value`.
fn options(info: &FunctionInfo) -> Option<String> {
    let json = serde_json::to_value(info).ok()?;
    let options = json
        .get("options")?
        .as_object()
        .filter(|options| !options.is_empty())?;
    let shown: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(shown.join(" "))
}

fn doc(doc: Option<&str>, indent: usize, text: &mut String) {
    for line in doc.unwrap_or_default().lines() {
        let line = format!("{:indent$}{}", "", line.trim_end());
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The names, by the module that they are from.
fn imports(info: &ModuleInfo, text: &mut String) {
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in &info.imports {
        modules
            .entry(&import.module)
            .or_default()
            .push(&import.name);
    }
    if modules.is_empty() {
        text.push_str("\nno imports\n");
        return;
    }
    text.push_str("\nimports\n");
    for (module, names) in modules {
        let _ = writeln!(text, "  {module}: {}", names.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(module
        (import "wrun" "arg_count" (func (result i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
        (memory (export "memory") 2)
        (func (export "a")) (func (export "b")) (func (export "c"))
        (@custom "wrun.manifest" "{\"abi\":1,\"kind\":\"task\",\"name\":\"add\",\"export\":\"a\",\"params\":[{\"name\":\"x\",\"type\":\"i64\"},{\"name\":\"y\",\"type\":\"i64\"}],\"returns\":\"i64\",\"doc\":\"Adds.\\nTwice.\",\"options\":{\"max_retries\":3}}\n{\"abi\":1,\"kind\":\"actor\",\"name\":\"C\",\"doc\":\"Counts.\"}\n{\"abi\":1,\"kind\":\"constructor\",\"name\":\"C\",\"export\":\"b\"}\n{\"abi\":1,\"kind\":\"method\",\"name\":\"C.inc\",\"export\":\"c\",\"returns\":\"i64\",\"num_returns\":2}\n"))"#;

    #[test]
    fn a_module_is_described() {
        let info = inspect(MODULE.as_bytes()).unwrap();
        let text = describe("m.wat", &info);
        let without_numbers: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("size") && !line.starts_with("hash"))
            .collect();
        assert_eq!(
            without_numbers,
            [
                "m.wat: a wrun module, guest ABI 1",
                "memory  128 KiB at the start, no maximum of its own",
                "",
                "no main: run its tasks with --task",
                "",
                "tasks",
                "  add(x: i64, y: i64) -> i64",
                "      Adds.",
                "      Twice.",
                "      options: max_retries=3",
                "",
                "actors",
                "  C()",
                "      Counts.",
                "    .inc() -> i64  [2 results]",
                "",
                "imports",
                "  wasi_snapshot_preview1: sched_yield",
                "  wrun: arg_count",
            ]
        );
    }

    #[test]
    fn a_command_is_called_one() {
        let info =
            inspect(b"(module (memory (export \"memory\") 1) (func (export \"_start\")))").unwrap();
        let text = describe("c.wat", &info);
        assert!(text.starts_with("c.wat: a plain WASI command;"), "{text}");
        assert!(
            text.ends_with("\nno imports\n") && !text.contains("main\n"),
            "{text}"
        );
    }
}
