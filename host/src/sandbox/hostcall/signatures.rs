//! The types of all host functions, so that wrong imports are told before anything is compiled.
//!
//! A test instantiates a module that imports each of them with exactly these types.

use wrun_abi::IMPORT_MODULE;

/// The module of WASI preview 1.
pub(in crate::sandbox) const WASI_MODULE: &str = "wasi_snapshot_preview1";

/// What is known of an import.
pub(in crate::sandbox) enum Lookup {
    Right,
    /// The type that it has here.
    WrongType(String),
    UnknownName,
    UnknownModule,
}

/// `i` is `i32`, `I` is `i64`: parameters, then the result.
type Signature = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
pub(in crate::sandbox) const WRUN: &[Signature] = &[
    ("arg_count", "", "i"), ("arg_len", "i", "i"), ("arg_read", "iiii", "i"), ("arg_refs", "iii", "i"),
    ("result_format", "", "i"), ("result_write", "iiiii", "i"), ("yield_write", "iiii", "i"), ("fail", "iii", ""),
    ("spawn", "iiii", "i"), ("put", "iiii", "i"), ("get", "iiI", "i"), ("object_len", "i", "I"),
    ("object_read", "iIii", "i"), ("object_refs", "iii", "i"), ("wait", "iiiiIi", "i"), ("release", "ii", "i"),
    ("cancel", "ii", "i"), ("sleep", "I", ""), ("context", "ii", "i"), ("actor_self", "", "i"),
    ("actor_get", "ii", "i"), ("actor_stop", "ii", "i"), ("stream_next", "iI", "i"), ("last_error", "ii", "i"),
    ("put_plain", "ii", "i"), ("result_plain", "iii", "i"), ("yield_plain", "ii", "i"),
    ("view", "iIi", "I"), ("arg_view", "iIi", "I"), ("view_release", "i", "i"),
];

#[rustfmt::skip]
pub(in crate::sandbox) const WASI: &[Signature] = &[
    ("args_get", "ii", "i"), ("args_sizes_get", "ii", "i"), ("environ_get", "ii", "i"),
    ("environ_sizes_get", "ii", "i"), ("clock_res_get", "ii", "i"), ("clock_time_get", "iIi", "i"),
    ("fd_advise", "iIIi", "i"), ("fd_allocate", "iII", "i"), ("fd_close", "i", "i"), ("fd_datasync", "i", "i"),
    ("fd_fdstat_get", "ii", "i"), ("fd_fdstat_set_flags", "ii", "i"), ("fd_fdstat_set_rights", "iII", "i"),
    ("fd_filestat_get", "ii", "i"), ("fd_filestat_set_size", "iI", "i"), ("fd_filestat_set_times", "iIIi", "i"),
    ("fd_pread", "iiiIi", "i"), ("fd_prestat_get", "ii", "i"), ("fd_prestat_dir_name", "iii", "i"),
    ("fd_pwrite", "iiiIi", "i"), ("fd_read", "iiii", "i"), ("fd_readdir", "iiiIi", "i"), ("fd_renumber", "ii", "i"),
    ("fd_seek", "iIii", "i"), ("fd_sync", "i", "i"), ("fd_tell", "ii", "i"), ("fd_write", "iiii", "i"),
    ("path_create_directory", "iii", "i"), ("path_filestat_get", "iiiii", "i"),
    ("path_filestat_set_times", "iiiiIIi", "i"), ("path_link", "iiiiiii", "i"), ("path_open", "iiiiiIIii", "i"),
    ("path_readlink", "iiiiii", "i"), ("path_remove_directory", "iii", "i"), ("path_rename", "iiiiii", "i"),
    ("path_symlink", "iiiii", "i"), ("path_unlink_file", "iii", "i"), ("poll_oneoff", "iiii", "i"),
    ("proc_exit", "i", ""), ("proc_raise", "i", "i"), ("sched_yield", "", "i"), ("random_get", "ii", "i"),
    ("sock_accept", "iii", "i"), ("sock_recv", "iiiiii", "i"), ("sock_send", "iiiii", "i"), ("sock_shutdown", "ii", "i"),
];

/// Looks an import up; `ty` is its type as text.
pub(in crate::sandbox) fn look_up(module: &str, name: &str, ty: &str) -> Lookup {
    let known = match module {
        IMPORT_MODULE => WRUN,
        WASI_MODULE => WASI,
        _ => return Lookup::UnknownModule,
    };
    let Some((_, params, result)) = known.iter().find(|(known, ..)| *known == name) else {
        return Lookup::UnknownName;
    };
    let expected = text(params, result);
    if expected == ty {
        Lookup::Right
    } else {
        Lookup::WrongType(expected)
    }
}

fn text(params: &str, result: &str) -> String {
    let name = |c| if c == 'i' { "i32" } else { "i64" };
    let params: Vec<_> = params.chars().map(name).collect();
    let result = result.chars().next().map_or("()", name);
    format!("({}) -> {result}", params.join(", "))
}
