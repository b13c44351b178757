use super::*;

fn load(bench: &Bench, bytes: &[u8]) -> LoadError {
    bench
        .sandboxes
        .compile("m.wasm", bytes)
        .expect_err("must not load")
}

#[tokio::test]
async fn other_files_are_told_apart() {
    let bench = Bench::new();
    let cases: [(&[u8], &str); 14] = [
        (b"", "empty"),
        (b"\0as", "truncated"),
        (b"\0asm\x01\0\0", "truncated"),
        (b"\x7fELF\x02\x01\x01", "native program"),
        (
            b"\x7fELF\x02\x01\x01 .wasmtime.engine",
            "(.cwasm), which is never loaded",
        ),
        (b"MZ\x90", "Windows"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"  <html>", "web page"),
        (b"\x1f\x8b\x08", "archive"),
        (b"#!/bin/sh\n", "script"),
        (b"hello", "it is text"),
        (b"\xff\xfe\xfd", "does not begin"),
        (
            b"\0asm\x0d\0\x01\0",
            "components aren't supported yet; build a core module for wasm32-wasip1",
        ),
        (b"(module (func $f (unknown)))", "does not parse"),
    ];
    for (bytes, expected) in cases {
        let error = load(&bench, bytes).to_string();
        assert!(
            error.starts_with("`m.wasm`: ") && error.contains(expected),
            "{error}"
        );
        assert!(inspect(bytes).is_err());
    }
    let options = SandboxesOptions {
        pool_size: 0,
        max_module_size: 20,
        cache: CacheDir::Off,
        ..Default::default()
    };
    let small = Bench::of(Sandboxes::new(options).unwrap(), Limits::default());
    assert!(
        load(&small, guest("").as_bytes())
            .to_string()
            .contains("at most 20 are allowed")
    );
}

#[tokio::test]
async fn what_guests_may_not_have() {
    let bench = Bench::new();
    let start = "(func (export \"_start\"))";
    let cases = [
        ("(memory (export \"memory\") i64 1)", "64-bit"),
        ("(memory (export \"memory\") 1 2 shared)", "shared"),
        ("(memory (export \"memory\") 1) (memory 1)", "2 memories"),
        ("(type (struct (field i32)))", "not a valid module"),
        ("(tag)", "not a valid module"),
        (
            "(import \"env\" \"foo\" (func))",
            "`env` `foo` (a function that was left undefined",
        ),
        (
            "(import \"wasi_unstable\" \"fd_write\" (func))",
            "older WASI",
        ),
        (
            "(import \"wrun\" \"nothing\" (func))",
            "not a function of this version",
        ),
        (
            "(import \"wasi_snapshot_preview1\" \"fd_open\" (func))",
            "not a function of WASI preview 1",
        ),
        (
            "(import \"wrun\" \"get\" (func (param i32)))",
            "`wrun` `get` is `(i32, i32, i64) -> i32` here, not `(i32) -> ()`",
        ),
        ("(import \"wrun\" \"memory\" (memory 1))", "`wrun` `memory`"),
        (
            "(import \"wrun\" \"arg_count\" (func (result i32)))",
            "does not export its memory",
        ),
        (
            "(memory (export \"memory\") 1) (func (export \"_initialize\") (param i32)) (import \"wrun\" \"arg_count\" (func (result i32)))",
            "",
        ),
    ];
    for (fields, expected) in cases {
        let (imports, rest): (Vec<_>, Vec<_>) = fields
            .split("(import")
            .enumerate()
            .partition(|(i, _)| *i > 0);
        let imports: String = imports
            .iter()
            .map(|(_, text)| format!("(import{text}"))
            .collect();
        let rest: String = rest.iter().map(|(_, text)| *text).collect();
        let error = load(
            &bench,
            format!("(module {imports} {rest} {start})").as_bytes(),
        )
        .to_string();
        assert!(error.contains(expected), "{fields}: {error}");
    }
    let error = load(&bench, b"(module (memory (export \"memory\") 1))").to_string();
    assert!(error.contains("nothing to run"), "{error}");
}

fn with_manifest(manifest: &str) -> String {
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    format!(
        "(module (func (export \"f\")) (func (export \"g\") (param i32)) (global (export \"v\") i32 (i32.const 0))
         (@custom \"wrun.manifest\" \"{escaped}\"))"
    )
}

#[tokio::test]
async fn lying_manifests_are_refused() {
    let bench = Bench::new();
    let many = "{\"abi\":1,\"kind\":\"actor\",\"name\":\"x\"}\n".repeat(10_001);
    let large = " ".repeat((1 << 20) + 1);
    let cases = [
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"nope"}"#,
            "names the export `nope`, which the module does not have",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"g"}"#,
            "`(i32) -> ()` and must be `() -> ()`",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"v"}"#,
            "which is `global`",
        ),
        (
            r#"{"abi":2,"kind":"task","name":"t","export":"f"}"#,
            "version 2 of the guest ABI and this host speaks version 1",
        ),
        (
            r#"{"kind":"task","name":"t","export":"f"}"#,
            "no field `abi`",
        ),
        (r#"{"abi":1,"kind":"task","export":"f"}"#, "no field `name`"),
        (r#"{"abi":1,"kind":"task","name":"t"}"#, "no field `export`"),
        (
            r#"{"abi":1,"kind":"task","name":"","export":"f"}"#,
            "1 to 200 bytes",
        ),
        (
            r#"{"abi":1,"kind":"main","name":"x","export":"f"}"#,
            "`main` has no name",
        ),
        (
            r#"{"abi":1,"kind":"other","name":"t","export":"f"}"#,
            "unknown variant",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"f","num_returns":0}"#,
            "must be 1 to 256, not 0",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"f","num_returns":99999999999}"#,
            "must be 1 to 256",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"f","num_returns":-1}"#,
            "not a valid record",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"f","options":{"speed":1}}"#,
            "unknown field `speed`",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"f","options":{"timeout":-1}}"#,
            "`timeout`",
        ),
        (
            r#"{"abi":1,"kind":"task","name":"t","export":"f","options":{"num_cpus":1e300}}"#,
            "`num_cpus`",
        ),
        (
            r#"{"abi":1,"kind":"method","name":"m","export":"f"}"#,
            "`Class.method`",
        ),
        (
            r#"{"abi":1,"kind":"method","name":"C.m","export":"f"}"#,
            "class `C` has methods and no constructor",
        ),
        ("[]", "not a valid record"),
        ("{", "not a valid record"),
        ("{\"abi\":1}{", "not a valid record"),
        (&many, "the manifest"),
        (&large, "at most 1048576 are allowed"),
    ];
    for (manifest, expected) in cases {
        let error = load(&bench, with_manifest(manifest).as_bytes()).to_string();
        assert!(
            error.contains(expected) && error.contains("`wrun.manifest`"),
            "{manifest:.100}: {error}"
        );
    }
    let twice = |kind: &str, name: &str| {
        let line = format!("{{\"abi\":1,\"kind\":\"{kind}\"{name},\"export\":\"f\"}}\n");
        with_manifest(&format!("\n{line}\n{line}"))
    };
    for (kind, name) in [
        ("main", ""),
        ("task", ",\"name\":\"t\""),
        ("actor", ",\"name\":\"t\""),
        ("method", ",\"name\":\"C.t\""),
    ] {
        let error = load(&bench, twice(kind, name).as_bytes()).to_string();
        assert!(
            error.contains("in line 4") && (error.contains("twice") || error.contains("two")),
            "{error}"
        );
    }
    let error = load(
        &bench,
        with_manifest("x").replace("\\78", "\\0a\\ff").as_bytes(),
    )
    .to_string();
    assert!(error.contains("in line 2: it is not UTF-8"), "{error}");
}

#[tokio::test]
async fn a_manifest_is_read() {
    let bench = Bench::new();
    let manifest = concat!(
        r#"{"abi":1,"kind":"main","export":"f","doc":"Runs."}"#,
        "\n",
        r#"{"abi":1,"kind":"task","name":"add","export":"f","params":[{"name":"x","type":"i64"}],"returns":"i64","num_returns":2,"options":{"num_cpus":0.5,"timeout":1.5}}"#,
        "\n\n",
        r#"{"abi":1,"kind":"task","name":"s","export":"f","stream":true}"#,
        "\n",
        r#"{"abi":1,"kind":"constructor","name":"C","export":"f","options":{"max_restarts":4294967295}}"#,
        "\n",
        r#"{"abi":1,"kind":"method","name":"C.inc","export":"f"}"#,
        "\n",
        r#"{"abi":1,"kind":"actor","name":"C","doc":"Counts."}"#,
        "\n",
    );
    let text = with_manifest(manifest);
    let module = bench.module(&text);
    let found = module.manifest();
    let add = found.task("add").unwrap();
    assert_eq!(
        (add.num_returns, add.params.len(), add.options.num_cpus),
        (2, 1, Some(5000))
    );
    assert_eq!(add.options.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(
        found.task("s").map(|s| (s.stream, s.num_returns)),
        Some((true, 0))
    );
    assert_eq!(found.main().map(|m| m.num_returns), Some(0));
    assert_eq!(
        found.constructor("C").and_then(|c| c.options.max_restarts),
        Some(u32::MAX)
    );
    assert_eq!(found.method("C", "inc").map(|m| m.num_returns), Some(1));
    assert!(found.method("C", "dec").is_none() && found.task("C").is_none());
    assert!(!module.is_command());
    let info = inspect(text.as_bytes()).unwrap();
    let json = serde_json::to_value(&info).unwrap();
    assert_eq!(json["manifest"]["tasks"][0]["options"]["num_cpus"], 0.5);
    assert_eq!(json["exports"][1]["type"], "(i32) -> ()");
    assert_eq!(
        (info.abi, info.is_command, info.hash),
        (Some(1), false, module.hash().to_hex().to_string())
    );
}

#[tokio::test]
async fn every_truncation_and_flipped_byte_is_an_error_or_a_module() {
    let bench = Bench::with(0, Limits::default());
    let wasm = wat::parse_str(guest("(call $emit (i32.const 1))")).unwrap();
    for end in 0..wasm.len() {
        assert!(inspect(&wasm[..end]).is_err() || end > 8, "{end}");
    }
    for end in (0..wasm.len()).step_by(7) {
        let _ = bench
            .sandboxes
            .compile("m", &wasm[..end])
            .err()
            .map(|e| e.to_string());
    }
    for at in 0..wasm.len() {
        let mut damaged = wasm.clone();
        damaged[at] ^= 0x55;
        let _ = inspect(&damaged);
    }
}

#[tokio::test]
async fn compiled_code_is_kept_and_damage_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache");
    let text = guest("(call $emit (i32.const 42))");
    let bench = || {
        let options = SandboxesOptions {
            pool_size: 2,
            cache: CacheDir::At(path.clone()),
            ..Default::default()
        };
        Bench::of(Sandboxes::new(options).unwrap(), Limits::default())
    };
    let files = || {
        std::fs::read_dir(&path)
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bench().ints("(call $emit (i32.const 42))", vec![]).await,
        [42]
    );
    assert_eq!(files().len(), 1);
    let good = std::fs::read(&files()[0]).unwrap();
    let variants = [good.clone(), Vec::new(), good[..100].to_vec(), {
        let mut flipped = good.clone();
        flipped[5000] ^= 1;
        flipped
    }];
    for content in variants {
        std::fs::write(&files()[0], content).unwrap();
        let bench = bench();
        assert_eq!(ints(&bench.run(&text, vec![]).await), [42]);
        assert_eq!(
            std::fs::read(&files()[0]).unwrap().len(),
            good.len(),
            "repaired"
        );
    }
    // A directory that others may enter is not used, and nor is a file that they may write.
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap()
    };
    mode(&path, 0o755);
    let open = bench();
    assert!(
        open.sandboxes
            .info()
            .cache_off
            .unwrap()
            .contains("mode 0700")
    );
    assert_eq!(ints(&open.run(&text, vec![]).await), [42]);
    mode(&path, 0o700);
    std::fs::write(&files()[0], b"anything").unwrap();
    mode(&files()[0], 0o666);
    assert_eq!(ints(&bench().run(&text, vec![]).await), [42]);
}

#[tokio::test]
async fn the_same_bytes_are_the_same_module() {
    let bench = Bench::new();
    let (one, two) = (bench.module(&guest("")), bench.module(&guest("")));
    assert!(Arc::ptr_eq(&one.0, &two.0));
}
