//! Both databases, empty, for tests: a file, and a PostgreSQL that is started here where it is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use stepwise_ledger::{Address, Ledger};
use tempfile::TempDir;

/// Runs each test on both databases.
#[allow(unused_macros, reason = "not every file of tests has tests of this form")]
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&super::fresh(super::Kind::Sqlite).await.unwrap().ledger).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(fresh) = super::fresh(super::Kind::Postgres).await {
                    super::$name(&fresh.ledger).await;
                }
            })*
        }
    };
}

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// An empty ledger, and what has to live as long as it.
pub(crate) struct Fresh {
    pub(crate) ledger: Ledger,
    #[allow(dead_code, reason = "not every test opens it again")]
    pub(crate) address: Address,
    _folder: Option<TempDir>,
}

/// An empty ledger of a kind; `None`, and a line that says so, where the machine lacks it.
pub(crate) async fn fresh(kind: Kind) -> Option<Fresh> {
    let (address, folder) = match kind {
        Kind::Sqlite => {
            let folder = tempfile::tempdir().unwrap();
            (Address::File(folder.path().join("ledger.db")), Some(folder))
        }
        Kind::Postgres => (Address::Server(server()?.database()), None),
    };
    let ledger = Ledger::open(&address).await.unwrap();
    Some(Fresh { ledger, address, _folder: folder })
}

/// A PostgreSQL that this process started, which stops when the process does.
struct Server {
    programs: PathBuf,
    folder: PathBuf,
    n_databases: AtomicU32,
}

impl Server {
    /// The address of a new database.
    fn database(&self) -> String {
        let name = format!("ledger_{}", self.n_databases.fetch_add(1, Ordering::Relaxed));
        let mut create = as_postgres("/usr/bin/psql");
        create.args(["--quiet", "--dbname", "postgres", "--host"]).arg(&self.folder);
        create.args(["--command", &format!("CREATE DATABASE {name}")]);
        assert!(create.status().unwrap().success(), "the database cannot be made");
        format!("postgres:///{name}?host={}&user=postgres", self.folder.display())
    }

    /// What starts and stops it.
    fn control(&self) -> Command {
        let options = format!("-c listen_addresses= -c unix_socket_directories={} -c fsync=off", self.folder.display());
        let mut control = as_postgres(self.programs.join("pg_ctl"));
        control.args(["--silent", "--wait", "--options", &options, "--log"]).arg(self.folder.join("log"));
        control.arg("--pgdata").arg(self.folder.join("data")).stdout(Stdio::null());
        control
    }
}

/// Kills PostgreSQL in the middle of whatever it does, and starts it again.
#[allow(dead_code, reason = "not every test kills it")]
pub(crate) fn kill_postgres() {
    let server = server().unwrap();
    assert!(
        server.control().args(["--mode=immediate", "restart"]).status().unwrap().success(),
        "it does not come back"
    );
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let found = programs();
            if found.is_none() {
                eprintln!("not tested on PostgreSQL, which is not installed: `apt install postgresql-15` on Debian");
            }
            found.map(start)
        })
        .as_ref()
}

/// Where Debian keeps the programs of the latest version from 15 on.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let all = versions.filter_map(|version| Some(version.ok()?.path())).filter(|path| number(path) >= Some(15));
    all.max_by_key(|path| number(path)).map(|path| path.join("bin"))
}

#[expect(clippy::zombie_processes, reason = "the last child is to outlive this process")]
fn start(programs: PathBuf) -> Server {
    // The server runs as another user where the tests run as root, and sockets have short paths.
    let folder = PathBuf::from(format!("/tmp/stepwise-ledger-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    if is_root() {
        assert!(Command::new("chown").arg("postgres").arg(&folder).status().unwrap().success());
    }
    let data = folder.join("data");
    let mut init = as_postgres(programs.join("initdb"));
    init.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata"]).arg(&data);
    assert!(init.stdout(Stdio::null()).status().unwrap().success(), "initdb failed");
    let server = Server { programs, folder, n_databases: AtomicU32::new(0) };
    assert!(server.control().arg("start").status().unwrap().success(), "PostgreSQL does not start");
    // Statics are not dropped: a child that outlives this process stops the server.
    let stop = format!(
        "while test -d /proc/{}; do sleep 0.2; done; {} --silent --mode=immediate --pgdata {} stop; rm -rf {}",
        std::process::id(),
        server.programs.join("pg_ctl").display(),
        data.display(),
        server.folder.display(),
    );
    as_postgres("/bin/sh").args(["-c", &stop]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server
}

fn as_postgres(program: impl AsRef<Path>) -> Command {
    if !is_root() {
        let mut command = Command::new(program.as_ref());
        command.env("PGUSER", "postgres");
        return command;
    }
    let mut command = Command::new("/usr/sbin/runuser");
    command.args(["-u", "postgres", "--"]).arg(program.as_ref()).current_dir("/tmp");
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|this| {
        use std::os::unix::fs::MetadataExt;
        this.uid() == 0
    })
}
