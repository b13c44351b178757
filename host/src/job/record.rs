//! The recorded inputs of a failed task, as a file: enough to run it again by itself, since a task is a pure call.
//!
//! A record holds the arguments and every object that they lead to. It doesn't hold the module (whoever asks for
//! recording keeps a copy of it) nor actors, which a replay can't have.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::types::{DirGrant, TaskError, TaskId};

const VERSION: u32 = 1;

/// Bytes, as base64 in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded(pub Vec<u8>);

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(de::Error::custom)
    }
}

/// A value; what it refers to are positions in [`TaskRecord::objects`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedValue {
    /// The encoded value.
    pub bytes: Encoded,
    /// What it refers to.
    pub refs: Vec<usize>,
}

/// Something that a value refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedObject {
    /// An object that was there.
    Value(RecordedValue),
    /// An object that was an error.
    Error(TaskError),
    /// An object that was not there when the task failed.
    Pending,
    /// An actor.
    Actor,
}

/// A failed task and its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The version of this format.
    pub version: u32,
    /// The module's content hash.
    pub module: String,
    /// What the module was called.
    pub module_name: String,
    /// The task's name in the module.
    pub task: String,
    /// Its id.
    pub task_id: TaskId,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The environment it saw.
    pub env: Vec<(String, String)>,
    /// The directories it could use.
    pub dirs: Vec<DirGrant>,
    /// The sandbox's memory limit in bytes.
    pub memory: u64,
    /// The task's arguments.
    pub inputs: Vec<RecordedValue>,
    /// What they refer to, directly or through each other.
    pub objects: Vec<RecordedObject>,
    /// How it failed.
    pub error: TaskError,
}

/// Why a record can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The folder or a file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no record.
    #[error("{} is no task record: {reason}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No record matches.
    #[error("no recorded task matches `{wanted}` in {}: {known}", dir.display())]
    NotFound {
        /// What was looked for.
        wanted: String,
        /// Where.
        dir: PathBuf,
        /// What there is.
        known: String,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RecordError + '_ {
    move |source| RecordError::Io {
        path: path.to_owned(),
        source,
    }
}

impl TaskRecord {
    /// The version that is written.
    #[must_use]
    pub const fn current_version() -> u32 {
        VERSION
    }

    fn file_name(&self) -> String {
        // A guest chose the name: nothing in it may lead out of the folder.
        let plain = |c: char| {
            if c.is_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        };
        let name: String = self.task.chars().map(plain).take(50).collect();
        format!("{name}-{}.task.json", self.task_id.number())
    }

    /// Writes it into `dir`, which is made when it is missing; gives the file's path.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn write(&self, dir: &Path) -> Result<PathBuf, RecordError> {
        fs::create_dir_all(dir).map_err(io_error(dir))?;
        let path = dir.join(self.file_name());
        let json = serde_json::to_vec(self).expect("records serialize");
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io_error(dir))?;
        file.write_all(&json).map_err(io_error(&path))?;
        file.persist(&path).map_err(|e| RecordError::Io {
            path: path.clone(),
            source: e.error,
        })?;
        Ok(path)
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`RecordError::Io`] and [`RecordError::Malformed`].
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let malformed = |reason: String| RecordError::Malformed {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(io_error(path))?;
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        if record.version != VERSION {
            return Err(malformed(format!(
                "its version is {}, this wrun reads {VERSION}",
                record.version
            )));
        }
        let count = record.objects.len();
        let nested = record.objects.iter().filter_map(|object| match object {
            RecordedObject::Value(value) => Some(value),
            _ => None,
        });
        if record
            .inputs
            .iter()
            .chain(nested)
            .flat_map(|value| &value.refs)
            .any(|at| *at >= count)
        {
            return Err(malformed(
                "a value refers to an object that is not in it".into(),
            ));
        }
        Ok(record)
    }

    /// Finds a record in `dir` by the task's number, its id, or `name#number` as messages print it.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] lists what there is; [`RecordError::Io`] and [`RecordError::Malformed`].
    pub fn find(dir: &Path, wanted: &str) -> Result<Self, RecordError> {
        let mut known = Vec::new();
        for entry in fs::read_dir(dir).map_err(io_error(dir))? {
            let path = entry.map_err(io_error(dir))?.path();
            if !path.to_string_lossy().ends_with(".task.json") {
                continue;
            }
            let record = Self::read(&path)?;
            let name = format!("{}#{}", record.task, record.task_id.number());
            let id = record.task_id;
            if [&name, &id.number().to_string(), &id.to_string()]
                .into_iter()
                .any(|n| n == wanted)
            {
                return Ok(record);
            }
            known.push(name);
        }
        known.sort_unstable();
        let known = if known.is_empty() {
            "there are none".into()
        } else {
            format!("there are {}", known.join(", "))
        };
        Err(RecordError::NotFound {
            wanted: wanted.to_owned(),
            dir: dir.to_owned(),
            known,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ErrorKind, JobId};

    fn sample() -> TaskRecord {
        let value = RecordedValue {
            bytes: Encoded(vec![0, 255, 7]),
            refs: vec![0],
        };
        TaskRecord {
            version: VERSION,
            module: "ab".into(),
            module_name: "m.wasm".into(),
            task: "add".into(),
            task_id: TaskId::new(JobId::random(), 17),
            args: vec![],
            env: vec![("K".into(), "V".into())],
            dirs: vec![],
            memory: 1,
            inputs: vec![value],
            objects: vec![RecordedObject::Pending],
            error: TaskError::new(ErrorKind::Application, "no"),
        }
    }

    #[test]
    fn a_record_survives_its_file_and_is_found_by_any_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let record = sample();
        record.write(dir.path()).expect("written");
        for name in ["17", "add#17", &record.task_id.to_string()] {
            assert_eq!(TaskRecord::find(dir.path(), name).expect("found"), record);
        }
        let error = TaskRecord::find(dir.path(), "18")
            .expect_err("not there")
            .to_string();
        assert!(error.contains("add#17"), "{error}");
    }

    #[test]
    fn a_record_stays_in_its_folder_whatever_the_task_is_called() {
        let outer = tempfile::tempdir().expect("a folder");
        let dir = outer.path().join("records");
        for task in ["../out", "/tmp/out", "a/b", ".."] {
            let record = TaskRecord {
                task: task.into(),
                ..sample()
            };
            let path = record.write(&dir).expect("written");
            assert_eq!(path.parent(), Some(dir.as_path()), "{task}");
            assert_eq!(
                TaskRecord::find(&dir, &format!("{task}#17")).expect("found"),
                record
            );
            fs::remove_file(path).expect("removed");
        }
        assert_eq!(fs::read_dir(outer.path()).expect("reads").count(), 1);
    }

    #[test]
    fn a_record_that_lies_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut record = sample();
        record.inputs[0].refs = vec![9];
        let path = record.write(dir.path()).expect("written");
        assert!(matches!(
            TaskRecord::read(&path),
            Err(RecordError::Malformed { .. })
        ));
        fs::write(&path, "{").expect("written");
        assert!(matches!(
            TaskRecord::read(&path),
            Err(RecordError::Malformed { .. })
        ));
    }
}
