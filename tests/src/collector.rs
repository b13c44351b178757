//! A collector of spans: takes what is sent as OTLP over HTTP, as protobuf, and reads as much of it as tests look at.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::server::eventually;

/// A span as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// In hexadecimal.
    pub trace: String,
    /// The same.
    pub id: String,
    /// The same; empty when there is none.
    pub parent: String,
    /// What goes with the trace.
    pub state: String,
    /// Its name.
    pub name: String,
    /// Begin and end, in nanoseconds since 1970.
    pub times: (u64, u64),
    /// Texts and numbers, as text.
    pub attributes: HashMap<String, String>,
    /// 2 is an error.
    pub status: u64,
    /// Of the process that it is of.
    pub resource: HashMap<String, String>,
}

/// What a collector does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It takes them.
    Takes,
    /// It answers with an error.
    Refuses,
    /// It never answers.
    Hangs,
}

/// A collector on loopback.
#[derive(Debug)]
pub struct Collector {
    /// With the scheme.
    pub address: String,
    spans: Arc<Mutex<Vec<Span>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    /// One that does this.
    pub fn new(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            spans: Arc::default(),
            heads: Arc::default(),
        };
        let (spans, heads) = (collector.spans.clone(), collector.heads.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (spans, heads) = (spans.clone(), heads.clone());
                thread::spawn(move || answer(stream, mood, &spans, &heads));
            }
        });
        collector
    }

    /// What came so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// Waits for the span of this name.
    pub fn span(&self, name: &str) -> Span {
        let mut found = None;
        eventually(name, || {
            found = self.spans().into_iter().find(|span| span.name == name);
            found.is_some()
        });
        found.unwrap()
    }

    /// Heads of the requests that came.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Answers the requests of one connection.
fn answer(stream: TcpStream, mood: Mood, spans: &Mutex<Vec<Span>>, heads: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        heads.lock().unwrap().push(head);
        let status = match mood {
            Mood::Takes => {
                spans.lock().unwrap().extend(request(&body));
                "200 OK"
            }
            Mood::Refuses => "503 Service Unavailable",
            Mood::Hangs => continue,
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A field of a message: its number, and its number or its bytes.
type Field<'a> = (u64, u64, &'a [u8]);

fn fields(mut bytes: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (mut number, mut held) = (0, &[][..]);
        match key & 7 {
            0 => number = varint(&mut bytes),
            1 => number = u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap()),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                held = take(&mut bytes, length);
            }
            5 => number = u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()).into(),
            other => panic!("no kind of field is {other}"),
        }
        fields.push((key >> 3, number, held));
    }
    fields
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(n);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// All fields of that number.
fn of<'a>(bytes: &'a [u8], wanted: u64) -> impl Iterator<Item = Field<'a>> {
    let fields = fields(bytes).into_iter();
    fields.filter(move |(number, ..)| *number == wanted)
}

fn text(bytes: &[u8], wanted: u64) -> String {
    let held = of(bytes, wanted)
        .next()
        .map_or(&[][..], |(_, _, held)| held);
    String::from_utf8(held.to_vec()).unwrap()
}

fn hex(bytes: &[u8], wanted: u64) -> String {
    let held = of(bytes, wanted)
        .next()
        .map_or(&[][..], |(_, _, held)| held);
    held.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn number(bytes: &[u8], wanted: u64) -> u64 {
    of(bytes, wanted).next().map_or(0, |(_, number, _)| number)
}

fn attributes(bytes: &[u8], field: u64) -> HashMap<String, String> {
    let one = |(_, _, pair): Field<'_>| {
        let (_, _, value) = of(pair, 2).next().unwrap();
        let value = match fields(value)[..] {
            [(1, _, held)] => String::from_utf8(held.to_vec()).unwrap(),
            [(_, number, _)] => number.to_string(),
            _ => String::new(),
        };
        (text(pair, 1), value)
    };
    of(bytes, field).map(one).collect()
}

/// `ExportTraceServiceRequest`.
fn request(body: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for (_, _, of_process) in of(body, 1) {
        let resource = of(of_process, 1).next();
        let resource = resource.map_or(HashMap::new(), |(_, _, held)| attributes(held, 1));
        for (_, _, of_scope) in of(of_process, 2) {
            for (_, _, span) in of(of_scope, 2) {
                let status = of(span, 15)
                    .next()
                    .map_or(0, |(_, _, held)| number(held, 3));
                spans.push(Span {
                    trace: hex(span, 1),
                    id: hex(span, 2),
                    state: text(span, 3),
                    parent: hex(span, 4),
                    name: text(span, 5),
                    times: (number(span, 7), number(span, 8)),
                    attributes: attributes(span, 9),
                    status,
                    resource: resource.clone(),
                });
            }
        }
    }
    spans
}
