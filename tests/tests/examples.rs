//! Each example, run as a user runs it: what it prints, and how long it takes as a ratio to the sleeps in it.
//!
//! The numbers of seconds that an example prints are its own measurements, so that the start of the command does not
//! count. Ratios are wide, since tests run side by side on small machines: a program that should take one second must
//! take less than three, where the wrong one would take four.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use wrun_tests::{Run, guest, submit};

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is a test of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_example!(assert_test_exists);

/// Runs an example with `cpus` slots and seconds of this length.
fn example(module: &str, cpus: u32, second: f64) -> Run {
    submit(module).cpus(cpus).arg(second.to_string()).run()
}

/// The numbers in a line, in order.
fn numbers(line: &str) -> Vec<f64> {
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '.');
    words
        .filter_map(|word| word.trim_end_matches('.').parse().ok())
        .collect()
}

/// The last number of a line: its seconds, in the example's own seconds.
fn seconds(line: &str, second: f64) -> f64 {
    let numbers = numbers(line);
    numbers
        .last()
        .unwrap_or_else(|| panic!("no number in {line:?}"))
        / second
}

/// The line without its last number, to compare the rest.
fn without_time(line: &str) -> String {
    let Some(end) = line.rfind(|c: char| c.is_ascii_digit()) else {
        return line.to_owned();
    };
    let start = line[..=end]
        .rfind(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(0, |before| before + 1);
    format!(
        "{}T{}",
        line[..start].trim_end_matches(' '),
        &line[end + 1..]
    )
}

/// In sequence: as long as all sleeps together.
#[track_caller]
fn assert_at_least(seconds: f64, low: f64) {
    assert!(low <= seconds, "{seconds} seconds, not {low} or more");
}

/// Side by side: as long as the longest, and clearly less than in sequence.
#[track_caller]
fn assert_between(seconds: f64, low: f64, high: f64) {
    assert!(
        low <= seconds && seconds < high,
        "{seconds} seconds, not {low} to {high}"
    );
}

#[track_caller]
fn assert_lines(run: &Run, expected: &[&str]) {
    assert_eq!(run.lines(), expected, "stderr:\n{}", run.stderr);
}

const DATA: &str = "[(0, 0, 'Fast'), (1, 2, 'and'), (2, 4, 'Simple'), (3, 6, 'Distributed'), (4, 8, 'Computing'), \
                    (5, 10, 'Fast'), (6, 12, 'and'), (7, 14, 'Simple'), (8, 16, 'Distributed'), (9, 18, 'Computing')]";

#[test]
fn parallel_tasks() {
    let run = example(guest::PARALLEL_TASKS, 4, 0.4);
    let lines = run.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for i in [0, 2] {
        assert_eq!(
            without_time(lines[i]),
            "Ejecutar esta iteración tomóT segundos."
        );
        assert_eq!(lines[i + 1], "Los resultados son: [0, 1, 2, 3]");
    }
    assert_at_least(seconds(lines[0], 0.4), 4.0);
    assert_between(seconds(lines[2], 0.4), 1.0, 3.0);
}

#[test]
fn passing_refs() {
    assert_lines(
        &submit(guest::PASSING_REFS).run(),
        &["1", "[1, 2, 3]", "1", "[1, 2, 3]"],
    );
}

#[test]
fn task_pipeline() {
    let run = example(guest::TASK_PIPELINE, 4, 4.0);
    let lines = run.lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for i in [0, 3] {
        assert_eq!(
            lines[i],
            "Las perdidas son [1000.0, 1000.0, 1000.0, 1000.0]."
        );
        assert_eq!(lines[i + 1], "");
        assert_eq!(
            without_time(lines[i + 2]),
            "La perdida total es 4000.0. Esto tardóT segundos."
        );
    }
    assert_at_least(seconds(lines[2], 4.0), 1.6);
    assert_between(seconds(lines[5], 4.0), 0.4, 1.2);
}

#[test]
fn nested_tasks() {
    for cpus in [1, 4] {
        let run = submit(guest::NESTED_TASKS).cpus(cpus).run();
        let lines = run.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let refs: HashSet<&str> = lines[0].trim_matches(['[', ']']).split(", ").collect();
        assert_eq!(refs.len(), 4, "{lines:?}");
        assert!(
            refs.iter()
                .all(|text| text.starts_with("ObjectRef(") && text.ends_with(')')),
            "{lines:?}"
        );
        assert_eq!(lines[1], "[1, 1, 1, 1]");
    }
}

#[test]
fn nested_training() {
    let run = example(guest::NESTED_TRAINING, 9, 1.0);
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert_eq!(
            without_time(line),
            "El resultado es [20, 20, 20]. Esto tardóT segundos."
        );
    }
    assert_at_least(seconds(lines[0], 1.0), 1.8);
    assert_between(seconds(lines[1], 1.0), 0.3, 1.6);
}

#[test]
fn actors_in_place_of_objects() {
    let run = example(guest::ACTORS_IN_PLACE_OF_OBJECTS, 4, 0.4);
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert_eq!(
            without_time(line),
            "Los resultados son: [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]. Esto tardóT segundos"
        );
    }
    assert_at_least(seconds(lines[0], 0.4), 5.0);
    assert_between(seconds(lines[1], 0.4), 2.5, 4.5);
}

#[test]
fn logging_actor() {
    let run = example(guest::LOGGING_ACTOR, 4, 0.03);
    let lines = run.lines();
    assert!(lines.len() >= 3, "{lines:?}");
    let counts: Vec<usize> = lines
        .iter()
        .map(|line| line.matches("Iteración numero").count())
        .collect();
    assert!(counts.is_sorted() && counts[0] < 180, "{counts:?}");
    let experiment: Vec<String> = (0..60)
        .map(|i| format!("'Iteración numero: {i}'"))
        .collect();
    let all: Vec<String> = (0..3)
        .map(|i| format!("{i}: [{}]", experiment.join(", ")))
        .collect();
    assert_eq!(lines.last(), Some(&&*format!("{{{}}}", all.join(", "))));
    assert_between(run.time.as_secs_f64() / 0.03, 60.0, 170.0);
}

#[test]
fn wait_first_three() {
    let run = example(guest::WAIT_FIRST_THREE, 6, 0.5);
    let lines = run.lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    let indexes = |line: &str| -> Vec<f64> { numbers(line).into_iter().step_by(2).collect() };
    assert_eq!(
        (indexes(lines[0]), indexes(lines[1])),
        (vec![0.0, 1.0, 2.0], vec![3.0, 4.0, 5.0])
    );
    assert_eq!(
        (indexes(lines[3]), indexes(lines[4])),
        (vec![0.0, 2.0, 4.0], vec![1.0, 3.0, 5.0])
    );
    for line in [lines[2], lines[5]] {
        assert_eq!(without_time(line), "Este ejemplo tardóT segundos.");
    }
    assert_at_least(seconds(lines[2], 0.5), 3.57);
    assert_between(seconds(lines[5], 0.5), 0.88, 3.0);
}

#[test]
fn finish_order() {
    let run = example(guest::FINISH_ORDER, 5, 0.1);
    let lines = run.lines();
    assert_eq!(lines.len(), 22, "{lines:?}");
    for (i, line) in lines.iter().enumerate() {
        let start = if i % 11 == 10 {
            "Este ejemplo tardó"
        } else {
            "Este procesamiento terminó en"
        };
        assert!(
            line.starts_with(start) && line.ends_with(" segundos."),
            "{line}"
        );
    }
    // Two that finish almost at once may be seen in either order.
    let finished: Vec<f64> = lines[11..21]
        .iter()
        .map(|line| seconds(line, 0.1))
        .collect();
    assert!(
        finished.windows(2).all(|pair| pair[0] < pair[1] + 0.3),
        "{finished:?}"
    );
    assert!(seconds(lines[21], 0.1) >= finished[9] - 0.01, "{lines:?}");
}

#[test]
fn reference_data() {
    let run = example(guest::REFERENCE_DATA, 10, 0.5);
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        let (_, data) = line.split_once(" secs, data = ").unwrap();
        assert_eq!(data, DATA);
    }
    assert_at_least(numbers(lines[0])[0] / 0.5, 4.5);
    assert_between(numbers(lines[1])[0] / 0.5, 0.9, 4.0);
}

#[test]
fn wait_with_timeout() {
    let run = example(guest::WAIT_WITH_TIMEOUT, 10, 2.0);
    let lines = run.lines();
    assert_eq!(lines.len(), 11, "{lines:?}");
    let mut found = Vec::new();
    for (i, line) in lines[..10].iter().enumerate() {
        let (time, datum) = line.split_once(" secs, finished data = [").unwrap();
        assert!(time.starts_with("  "), "{line}");
        let start = f64::from(u32::try_from(i).unwrap()) / 10.0;
        assert_between(numbers(time)[0] / 2.0, start, start + 0.5);
        found.push(datum.trim_end_matches(']'));
    }
    let (_, data) = lines[10].split_once(" secs, data = ").unwrap();
    assert_eq!(data, format!("[{}]", found.join(", ")));
    let sorted = |text: &str| {
        let mut tuples: Vec<String> = text
            .split("), ")
            .map(|t| t.trim_matches(['[', ']', ')']).to_owned())
            .collect();
        tuples.sort();
        tuples
    };
    assert_eq!(sorted(data), sorted(DATA));
}

#[test]
fn dependent_tasks() {
    let run = example(guest::DEPENDENT_TASKS, 4, 0.2);
    assert_lines(
        &run,
        &[
            "((2, 4, 'Simple'), (4, 8, 'Computing'))",
            "((4, 8, 'Computing'), (8, 16, 'Distributed'))",
            "((6, 12, 'and'), (12, 24, 'Simple'))",
        ],
    );
    assert!(run.time.as_secs_f64() >= 0.2 * 1.8, "{:?}", run.time);
}

#[test]
fn tracker_actor() {
    let run = example(guest::TRACKER_ACTOR, 10, 1.0);
    let lines = run.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(without_time(lines[0]), "T secs:");
    assert_eq!(lines[1], format!("data = {DATA}"));
    assert_eq!(lines[2], "counts = [2, 2, 2, 2, 2]");
    assert_between(numbers(lines[0])[0], 0.9, 3.5);
}

#[test]
fn matrix_multiply() {
    let run = submit(guest::MATRIX_MULTIPLY).run();
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        lines[0],
        "z has 1000 rows and 1000 columns; z[123][456] is right: true"
    );
    assert_between(numbers(lines[1])[1], 31.0, 32.3);
}

#[test]
fn aggregate_chain_and_tree() {
    chain_and_tree(&example(guest::AGGREGATE_CHAIN_AND_TREE, 4, 0.25));
}

#[test]
fn aggregate_loops() {
    chain_and_tree(&example(guest::AGGREGATE_LOOPS, 4, 0.25));
}

fn chain_and_tree(run: &Run) {
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines.iter().all(|line| line.starts_with("36 (")),
        "{lines:?}"
    );
    assert_at_least(seconds(lines[0], 0.25), 7.0);
    assert_between(seconds(lines[1], 0.25), 3.0, 6.5);
}

#[test]
fn counter_actor() {
    assert_lines(&submit(guest::COUNTER_ACTOR).run(), &["0", "2"]);
}

#[test]
fn message_actor() {
    let run = example(guest::MESSAGE_ACTOR, 4, 0.2);
    let lines = run.lines();
    assert_eq!(lines.len(), 10, "{lines:?}");
    let mut next = [0; 3];
    for line in lines {
        let messages = line
            .strip_prefix("New messages: [")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap();
        for message in messages.split(", ").filter(|message| !message.is_empty()) {
            let [i, j] = numbers(message)[..] else {
                panic!("{message:?}")
            };
            assert_eq!(message, format!("'Message {i} from worker {j}.'"));
            let next = &mut next[usize::from(j > 0.5) + usize::from(j > 1.5)];
            assert_eq!(
                i,
                f64::from(*next),
                "{message}: each worker's messages come in its order"
            );
            *next += 1;
        }
    }
    // Ten rounds of one second, one message a second and worker; the rest is never sent.
    assert!(
        next.iter().all(|count| (5..=12).contains(count)),
        "{next:?}"
    );
    assert_between(run.time.as_secs_f64() / 0.2, 10.0, 18.0);
}

#[test]
fn stop_actor_kill() {
    let run = example(guest::STOP_ACTOR_KILL, 4, 0.2);
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.ends_with("Started long-running task")),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("the work was not finished: ")),
        "{lines:?}"
    );
    assert_between(run.time.as_secs_f64() / 0.2, 12.0, 20.0);
}

#[test]
fn stop_actor_terminate() {
    let run = example(guest::STOP_ACTOR_TERMINATE, 4, 0.2);
    let lines = run.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    let mut rest = lines.iter();
    for expected in [
        "Started long-running task",
        "You shouldn't see this because the process has been killed",
        "the work was finished",
        "the actor is gone: ",
    ] {
        assert!(
            rest.any(|line| line.contains(expected)),
            "no {expected:?} in its place in {lines:?}"
        );
    }
    assert_between(run.time.as_secs_f64() / 0.2, 10.0, 18.0);
}

/// `n:  1, duration:  1.002 seconds`, and so on for 0 to `count`.
fn check_numbered(lines: &[&str], duration: impl Fn(f64) -> f64, second: f64) {
    for (n, line) in lines.iter().enumerate() {
        let numbers = numbers(line);
        let index = f64::from(u32::try_from(n).unwrap());
        assert_eq!(
            *line,
            format!("n: {n:2}, duration: {:6.3} seconds", numbers[1])
        );
        assert_between(
            numbers[1] / second,
            duration(index) - 0.01,
            duration(index) + 1.5,
        );
    }
}

#[test]
fn get_in_loop() {
    let run = example(guest::GET_IN_LOOP, 8, 0.1);
    let lines = run.lines();
    assert_eq!(lines.len(), 13, "{lines:?}");
    assert!(lines[0].starts_with("n:  2, duration: "), "{lines:?}");
    check_numbered(&lines[1..6], |n| n, 0.1);
    check_numbered(&lines[7..12], |n| n, 0.1);
    for total in [lines[6], lines[12]] {
        assert_eq!(without_time(total), "Total time: duration:T seconds");
        assert_at_least(seconds(total, 0.1), 10.0);
    }
}

#[test]
fn all_at_once() {
    let run = example(guest::ALL_AT_ONCE, 8, 0.25);
    let lines = run.lines();
    assert_eq!(lines.len(), 18, "{lines:?}");
    check_numbered(&lines[..5], |_| 0.0, 0.25);
    assert_eq!(lines[5], "Calling get:");
    check_numbered(&lines[6..11], |n| n, 0.25);
    check_numbered(&lines[12..17], |n| n, 0.25);
    for total in [lines[11], lines[17]] {
        assert_eq!(without_time(total), "Total time: duration:T seconds");
        assert_between(seconds(total, 0.25), 4.0, 8.0);
    }
}

#[test]
fn fast_square() {
    let run = example(guest::FAST_SQUARE, 4, 0.5);
    let lines = run.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        without_time(lines[0]),
        "squares = [0, 1, 4, 9], duration =T seconds"
    );
    assert_between(seconds(lines[0], 0.5), 3.0, 4.1);
}

#[test]
fn slots_table() {
    let run = example(guest::SLOTS_TABLE, 8, 0.15);
    let lines = run.lines();
    assert_eq!(lines.len(), 45, "{lines:?}");
    check_numbered(&lines[..16], |_| 0.0, 0.15);
    assert_eq!(lines[16], "Calling get:");
    check_numbered(&lines[17..33], |n| n, 0.15);
    // 22 in order; two workers may start neighbours the other way round.
    assert_between(seconds(lines[33], 0.15), 20.0, 40.0);

    assert_eq!(
        lines[34..37],
        [
            "",
            "| Slot | Tasks | Total Time |",
            "| ---: | ----: | ---------: |"
        ]
    );
    let mut seen = Vec::new();
    let mut slots = HashSet::new();
    for row in &lines[37..] {
        let row: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [slot, tasks, total] = row[..] else {
            panic!("{row:?}")
        };
        assert!(slots.insert(slot), "slot {slot} twice");
        let tasks: Vec<u32> = tasks
            .split(", ")
            .map(|task| task.parse().unwrap())
            .collect();
        // Two each, but that the first, of no time at all, may be over before the next one starts.
        assert!((1..=3).contains(&tasks.len()), "{row:?}");
        assert_eq!(tasks.iter().sum::<u32>().to_string(), total);
        seen.extend(tasks);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..16).collect::<Vec<u32>>());
}

#[test]
fn word_count() {
    let directory = Path::new("/usr/share/common-licenses");
    if !directory.is_dir() {
        return; // not every system has it
    }
    let (expected, files) = words_of(directory);
    let run = submit(guest::WORD_COUNT)
        .option("--dir", format!("{}::/data:ro", directory.display()))
        .run();
    let lines = run.lines();
    assert_eq!(lines.len(), 11, "{lines:?}");
    for (line, (word, count)) in lines[..10].iter().zip(&expected) {
        assert_eq!(*line, format!("{count:8} {word}"));
    }
    let all: u64 = expected.iter().map(|(_, count)| count).sum();
    assert_eq!(
        lines[10],
        format!(
            "{all} words, {} of them different, in {files} files",
            expected.len()
        )
    );
}

#[test]
fn fetch_words() {
    const PAGES: usize = 3;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    // Nobody is answered before all of them have asked.
    let site = thread::spawn(move || {
        let mut asked: Vec<_> = listener
            .incoming()
            .take(PAGES)
            .map(Result::unwrap)
            .collect();
        for stream in &mut asked {
            // All of it, or closing the connection resets it; and each comes on a connection of its own.
            let (mut request, mut piece) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"\r\n\r\n") {
                let n = stream.read(&mut piece).unwrap();
                assert!(n > 0, "{request:?}");
                request.extend_from_slice(&piece[..n]);
            }
            let (status, words) = match &request[..8] {
                b"GET /gon" => ("404 Not Found", ""),
                b"GET /two" => ("200 OK", "two words"),
                _ => ("200 OK", "word"),
            };
            let length = words.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{words}"
            );
            stream.write_all(head.as_bytes()).unwrap();
        }
    });
    let run = submit(guest::FETCH_WORDS)
        .option("--allow-http", &host)
        .option("--allow-http-network", "127.0.0.0/8")
        .arg(format!("http://{host}/two"))
        .arg(format!("http://{host}/one"))
        .arg(format!("http://{host}/gone"))
        .arg("http://example.com/")
        .run();
    let lines = run.lines();
    assert_eq!(lines[0], format!("       2 http://{host}/two"));
    assert_eq!(lines[1], format!("       1 http://{host}/one"));
    assert!(lines[2].ends_with("answered 404"), "{lines:?}");
    assert!(
        lines[3].contains("`example.com` is not allowed"),
        "{lines:?}"
    );
    site.join().unwrap();
}

/// The same count without `wrun`: words, most frequent first, and the number of files.
fn words_of(directory: &Path) -> (Vec<(String, u64)>, usize) {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut files = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        files += 1;
        let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).to_lowercase();
        for word in text
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty())
        {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    let mut words: Vec<(String, u64)> = counts.into_iter().collect();
    words.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    (words, files)
}

#[test]
fn shared_array() {
    let run = submit(guest::SHARED_ARRAY).cpus(4).run();
    assert_eq!(
        run.lines(),
        [
            "four tasks: the sum is 8796090925056",
            "squared in a task: 17592177655809; the array still ends with 4194303",
        ]
    );
}
