//! The release program: built with the page and the models inside, and tried out where there is nothing else.
//!
//! [`try_out`] is what a machine without the sources does with it: from an empty folder and for a user who has nothing but
//! Lean's prepared files, it proves, checks, proves with the models that it carries, and serves the page and a proof by hand.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::shell::{cargo, output, root, step, target};

const STATEMENT: &str = "theorem and_swap (p q : Prop) (hp : p) (hq : q) : q ∧ p";
/// Nothing here takes this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Builds it with the page that lies in `dist/`, puts it into `program/`, tries it out there, and returns the file.
pub(crate) fn pack() -> Result<PathBuf> {
    step(
        "the release program (many minutes, the first time)",
        cargo().args(["build", "--release", "--quiet", "--package", "stepwise-worker", "--bin", "stepwise"]),
    )?;
    let name = format!("stepwise{}", std::env::consts::EXE_SUFFIX);
    let folder = root().join("program");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let program = folder.join(&name);
    fs::copy(target().join("release").join(&name), &program)
        .with_context(|| format!("cannot write {}", program.display()))?;
    try_out(&program)?;
    let bytes = fs::metadata(&program)?.len();
    eprintln!("the program is {}: {:.1} MB", program.display(), bytes as f64 / 1e6);
    Ok(program)
}

/// Has the program do everything where it is alone. Lean is in the user's cache folder.
pub(crate) fn try_out(program: &Path) -> Result<()> {
    let alone = Alone::new(program)?;
    eprintln!("==> {} alone in an empty folder", program.display());
    let proved = alone.prove(&[])?;
    fs::write(alone.folder.join("proved.lean"), &proved)?;
    alone.says(&["check", "proved.lean"], 0)?;
    let wrong = proved.replace("q ∧ p", "q ∧ ¬p");
    ensure!(wrong != proved, "the proved file does not hold its statement:\n{proved}");
    fs::write(alone.folder.join("wrong.lean"), wrong)?;
    alone.says(&["check", "wrong.lean"], 1)?;
    alone.prove(&["--policy", "tiny", "--critic", "tiny", "--device", "cpu"])?;
    Server::start(&alone)?.try_out()?;
    eprintln!("    it proves, checks, has its models, and serves the page and a proof");
    Ok(())
}

/// An empty folder with the program in it; it goes with this value.
struct Alone {
    folder: PathBuf,
    program: PathBuf,
}

impl Alone {
    fn new(program: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("stepwise-alone-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let copy = folder.join(program.file_name().unwrap_or_default());
        fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(Self { folder, program: copy })
    }

    /// The program for a user who has no files and no settings.
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let lean = match std::env::var_os("STEPWISE_CACHE_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => dirs::cache_dir().context("this user has no cache folder")?.join("stepwise"),
        };
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).env_clear();
        command.env("HOME", &self.folder).env("STEPWISE_CACHE_DIR", lean);
        // Without it no program of Windows starts.
        if let Some(system) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", system);
        }
        Ok(command)
    }

    fn prove(&self, flags: &[&str]) -> Result<String> {
        let proved = output(self.command(&[&["prove"], flags, &[STATEMENT]].concat())?.stdin(Stdio::null()))?;
        ensure!(proved.contains(STATEMENT) && !proved.contains("sorry"), "this is no proof:\n{proved}");
        Ok(proved)
    }

    /// Runs it, and wants this exit code.
    fn says(&self, arguments: &[&str], code: i32) -> Result<()> {
        let ended = self.command(arguments)?.stdin(Stdio::null()).output()?;
        let text = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&text);
        ensure!(ended.status.code() == Some(code), "`{}` ended with {}:\n{said}", arguments.join(" "), ended.status);
        Ok(())
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// `stepwise serve` on a free port; it ends with this value.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(alone: &Alone) -> Result<Self> {
        let mut process = alone
            .command(&["serve", "--port", "0", "--hosts", "1"])?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let server = Self { process, address };
        ensure!(!server.address.is_empty(), "the program does not serve");
        Ok(server)
    }

    fn try_out(&self) -> Result<()> {
        for (file, beginning) in [
            ("", &b"<!doctype html>"[..]),
            ("stepwise-web.js", b""),
            ("stepwise-web_bg.wasm", b"\0asm"),
            ("inference/stepwise-inference_bg.wasm", b"\0asm"),
            ("models/tiny/policy/config.json", b"{"),
        ] {
            let bytes = self.ask(&format!("GET /{file}"), "", "")?;
            let is_right = bytes.len() > 100 && bytes.to_ascii_lowercase().starts_with(beginning);
            ensure!(is_right, "the program has no page: `/{file}` is not what it should be");
        }
        let greeting = json!({ "op": "hello", "protocol": 1, "client": "xtask" });
        let welcome = self.json("POST /api/v1/sessions", "", &greeting)?;
        let text = |name: &str| welcome[name].as_str().unwrap_or_default().to_owned();
        let (path, key) =
            (format!("/api/v1/sessions/{}", text("session")), format!("Stepwise-Key: {}\r\n", text("key")));
        let mut seen = 0;
        for (request, kind) in [
            (json!({ "id": 1, "op": "open", "text": STATEMENT }), "opened"),
            (json!({ "id": 2, "op": "apply", "state": 0, "tactic": "exact ⟨hq, hp⟩" }), "applied"),
            (json!({ "id": 3, "op": "recheck", "proof": ["exact ⟨hq, hp⟩"] }), "verdict"),
        ] {
            self.json(&format!("POST {path}/requests"), &key, &request)?;
            let told = self.json(&format!("GET {path}/messages?after={seen}&wait=30"), &key, &Value::Null)?;
            let message = &told["messages"][0];
            ensure!(message["type"] == kind, "the server was asked {request} and said {told}");
            ensure!(kind != "verdict" || message["verdict"]["accepted"] == true, "a proof was refused: {message}");
            seen = message["seq"].as_u64().unwrap_or_default();
        }
        Ok(())
    }

    fn json(&self, request: &str, headers: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bytes = self.ask(request, headers, &body)?;
        serde_json::from_slice(&bytes).with_context(|| format!("{request}: {}", String::from_utf8_lossy(&bytes)))
    }

    /// The body of the answer to a request.
    fn ask(&self, request: &str, headers: &str, body: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address).with_context(|| format!("cannot reach {}", self.address))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("the server hung up")?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        if !head.starts_with("HTTP/1.1 20") {
            bail!("{request}: {}", head.lines().next().unwrap_or_default());
        }
        Ok(answer.split_off(end + 4))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
