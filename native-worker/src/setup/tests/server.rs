//! A small registry on 127.0.0.1: real HTTP, with the faults that real ones have.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How one request is answered; once the script is over, all of them `Well`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// The file, or the range that was asked for.
    Well,
    /// The whole file, whatever range was asked for.
    WithoutRanges,
    /// So many bytes less than promised, and the connection is closed.
    CutAfter(usize),
    /// The right number of wrong bytes.
    Wrong,
    /// A status and no file.
    Status(u16),
}

pub(super) struct Server {
    pub(super) address: String,
    state: Arc<State>,
}

struct State {
    files: HashMap<String, Vec<u8>>,
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<String>>,
}

impl Server {
    /// Serves `files`, by path.
    pub(super) fn start(files: HashMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(State { files, script: Mutex::default(), requests: Mutex::default() });
        let shared = state.clone();
        // The thread ends with the test process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || state.answer(stream));
            }
        });
        Self { address, state }
    }

    /// How the next requests are answered.
    pub(super) fn script(&self, answers: &[Answer]) {
        *self.state.script.lock().unwrap() = answers.iter().copied().collect();
    }

    /// The requests since the last call: path, range and authorization.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let (mut log, mut start) = (path.clone(), 0);
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            match name.to_ascii_lowercase().as_str() {
                "range" => {
                    start = value.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
                    log += &format!(" from {start}");
                }
                "authorization" => log += &format!(" as {value}"),
                _ => {}
            }
        }
        self.requests.lock().unwrap().push(log);
        let answer = self.script.lock().unwrap().pop_front().unwrap_or(Answer::Well);
        let Some(file) = self.files.get(&path) else {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return;
        };
        let mut body = file.clone();
        let mut head = "HTTP/1.1 200 OK\r\n".to_owned();
        match answer {
            Answer::Status(status) => {
                head = format!("HTTP/1.1 {status} No\r\n");
                body.clear();
            }
            Answer::WithoutRanges => {}
            Answer::Wrong => body.fill(b'?'),
            Answer::Well | Answer::CutAfter(_) if start > 0 => {
                head = format!(
                    "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {start}-{}/{}\r\n",
                    file.len() - 1,
                    file.len()
                );
                body.drain(..start);
            }
            Answer::Well | Answer::CutAfter(_) => {}
        }
        head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        if let Answer::CutAfter(bytes) = answer {
            body.truncate(bytes);
        }
        // A client that has seen enough hangs up: that is no fault of the server.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }
}
