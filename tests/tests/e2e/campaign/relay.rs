//! A network between donors and a coordinator that loses what a test says: it carries one request after the other, and
//! does to each what its fate is.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives, and so does its answer.
    Arrives,
    /// It arrives so much later, after others that were sent later.
    Waits(Duration),
    /// It does not arrive, and whoever asked notices.
    IsLost,
    /// It arrives, and its answer does not.
    IsNotAnswered,
    /// It arrives, and half of its answer does.
    IsHalfAnswered,
    /// It arrives twice, and the second answer does.
    IsRepeated,
}

/// What a part of the API asks for, such as `claims`, is told its fate by this.
type Decide = dyn Fn(&str) -> Fate + Send + Sync;

pub(super) struct Relay {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
}

struct Way {
    to: SocketAddr,
    decide: Arc<Decide>,
    asked: Vec<String>,
}

impl Relay {
    /// Listens; nobody stands behind it yet.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let way = Way { to: address, decide: Arc::new(|_| Fate::IsLost), asked: Vec::new() };
        let way = Arc::new(Mutex::new(way));
        let shared = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = Arc::clone(&shared);
                std::thread::spawn(move || carry(client, &way));
            }
        });
        Self { address, way }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Carries to a coordinator at this address.
    pub(super) fn carry_to(&self, url: &str) {
        self.way.lock().to = url.strip_prefix("http://").unwrap().parse().unwrap();
    }

    pub(super) fn decide(&self, decide: impl Fn(&str) -> Fate + Send + Sync + 'static) {
        self.way.lock().decide = Arc::new(decide);
    }

    /// How often this part was asked.
    pub(super) fn n_asked(&self, part: &str) -> usize {
        self.way.lock().asked.iter().filter(|asked| *asked == part).count()
    }
}

/// Carries what comes over one connection, until either side ends it.
fn carry(client: TcpStream, way: &Mutex<Way>) -> Option<()> {
    let mut from = BufReader::new(client.try_clone().ok()?);
    let mut back = client;
    loop {
        let to = way.lock().to;
        let request = read_message(&mut from, Some(to))?;
        let path = request.split(|byte| *byte == b' ').nth(1)?;
        let part = String::from_utf8_lossy(path).trim_start_matches("/api/v1/campaign/").to_owned();
        let decide = {
            let mut way = way.lock();
            way.asked.push(part.clone());
            Arc::clone(&way.decide)
        };
        let fate = decide(&part);
        match fate {
            Fate::IsLost => return None,
            Fate::Waits(time) => std::thread::sleep(time),
            Fate::IsRepeated => drop(ask(to, &request)),
            Fate::Arrives | Fate::IsNotAnswered | Fate::IsHalfAnswered => {}
        }
        let answer = ask(to, &request)?;
        let told = match fate {
            Fate::IsNotAnswered => return None,
            Fate::IsHalfAnswered => &answer[..answer.len() / 2],
            _ => &answer[..],
        };
        back.write_all(told).ok()?;
        if fate == Fate::IsHalfAnswered {
            return None;
        }
    }
}

fn ask(to: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(to).ok()?;
    server.write_all(request).ok()?;
    read_message(&mut BufReader::new(server), None)
}

/// Reads a request or an answer with all that belongs to it, and says that it is for this host; `None` where no whole one
/// comes.
fn read_message(from: &mut impl BufRead, host: Option<SocketAddr>) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut length = 0;
    loop {
        let start = message.len();
        if from.read_until(b'\n', &mut message).ok()? == 0 {
            return None;
        }
        let line = std::str::from_utf8(&message[start..]).ok()?.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        } else if let Some(host) = host
            && name.eq_ignore_ascii_case("host")
        {
            message.truncate(start);
            write!(message, "host: {host}\r\n").ok()?;
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    from.read_exact(&mut message[head..]).ok()?;
    Some(message)
}
