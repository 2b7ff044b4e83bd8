//! The operating system that Lean sees: a few files, clocks, randomness, and refusals for everything else.
//!
//! Lean runs text that nobody has vetted (`#eval` is part of the language), so it sees no file of the machine unless a
//! [`Disk`] is given, and that is done only while the library is imported. What Lean creates lives in memory.

use std::collections::HashMap;

use super::{Function, at};
use crate::machine::{Machine, Result};

/// Clocks and randomness.
pub trait Sources: Send {
    /// Nanoseconds that never go back.
    fn monotonic(&mut self) -> u64;
    /// Milliseconds since 1970.
    fn wall(&mut self) -> u64;
    /// Fills with random bytes.
    fn random(&mut self, target: &mut [u8]);
}

/// Clocks and randomness that are the same in every run, so that a snapshot comes out the same every time.
#[derive(Debug)]
pub struct FixedSources {
    ticks: u64,
    seed: u32,
}

impl Default for FixedSources {
    fn default() -> Self {
        Self { ticks: 1_000_000_000, seed: 0x9e37_79b9 }
    }
}

impl Sources for FixedSources {
    fn monotonic(&mut self) -> u64 {
        self.ticks += 1000;
        self.ticks
    }

    fn wall(&mut self) -> u64 {
        1_700_000_000_000
    }

    fn random(&mut self, target: &mut [u8]) {
        for byte in target {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = self.seed.to_be_bytes()[0];
        }
    }
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is a folder.
    pub is_directory: bool,
}

/// Files that Lean may read.
pub trait Disk: Send {
    /// What is known of the file with this absolute name.
    fn stat(&mut self, name: &str) -> Option<Stat>;
    /// Reads from a position; how many bytes that gave.
    fn read(&mut self, name: &str, position: u64, target: &mut [u8]) -> usize;
}

/// The operating system of one process.
pub struct System {
    sources: Box<dyn Sources>,
    disk: Option<Box<dyn Disk>>,
    /// Files that Lean made, by number. A name that is taken away leaves its file to whoever has it open.
    files: Vec<Vec<u8>>,
    names: HashMap<String, usize>,
    descriptors: HashMap<u32, Open>,
    next_descriptor: u32,
    said: String,
}

struct Open {
    file: File,
    position: u64,
}

#[derive(Clone)]
enum File {
    Random,
    Made(usize),
    OnDisk { name: String, stat: Stat },
}

// WASI answers with the error's number, a system call with its negative.
const BAD_DESCRIPTOR: u32 = 8;
const INVALID: u32 = 28;
const NO_ENTRY: u32 = 44;
const NO_SPACE: u32 = 51;
const NO_SYSTEM_CALL: u32 = 52;
const NOT_TERMINAL: u32 = 59;
const NOT_PERMITTED: u32 = 63;

const OPEN_WRITE: u32 = 3;
const OPEN_CREATE: u32 = 0x40;
const OPEN_TRUNCATE: u32 = 0x200;
const OPEN_APPEND: u32 = 0x400;

const MODE_FILE: u32 = 0o100_600;
const MODE_DIRECTORY: u32 = 0o040_700;

const FIRST_FREE_DESCRIPTOR: u32 = 3;
const SAID_BYTES: usize = 4000;
/// What all files that Lean makes may hold together.
const MADE_BYTES: usize = 64 << 20;
const ENVIRONMENT: [&str; 7] = ["LANG=C.UTF-8", "HOME=/", "PATH=/", "USER=lean", "PWD=/", "LOGNAME=lean", "_=lean"];

impl System {
    /// An operating system with these clocks, and with these files or none.
    #[must_use]
    pub fn new(sources: Box<dyn Sources>, disk: Option<Box<dyn Disk>>) -> Self {
        Self {
            sources,
            disk,
            files: Vec::new(),
            names: HashMap::new(),
            descriptors: HashMap::new(),
            next_descriptor: FIRST_FREE_DESCRIPTOR,
            said: String::new(),
        }
    }

    /// Whether Lean has made no file.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.files.is_empty()
    }

    /// The last text that Lean wrote to its standard streams, shortened.
    #[must_use]
    pub fn last_words(&self) -> String {
        tail(&self.said, 500).to_owned()
    }

    fn say(&mut self, text: &str) {
        // This build of Lean reports its own progress on standard error.
        if !text.contains("[DEBUG") {
            self.said.push_str(text);
            self.said = tail(&self.said, SAID_BYTES).to_owned();
        }
    }

    fn look_up(&mut self, name: &str, flags: u32) -> std::result::Result<File, u32> {
        if name == "/dev/urandom" || name == "/dev/random" {
            return Ok(File::Random);
        }
        if !self.names.contains_key(name) && flags & OPEN_CREATE != 0 {
            self.names.insert(name.to_owned(), self.files.len());
            self.files.push(Vec::new());
        }
        if let Some(&number) = self.names.get(name) {
            if flags & OPEN_TRUNCATE != 0 {
                self.files[number].clear();
            }
            return Ok(File::Made(number));
        }
        if flags & OPEN_WRITE != 0 {
            return Err(NOT_PERMITTED);
        }
        let stat = self.disk.as_mut().and_then(|disk| disk.stat(name)).ok_or(NO_ENTRY)?;
        Ok(File::OnDisk { name: name.to_owned(), stat })
    }

    fn stat_of(&mut self, name: &str) -> Option<Stat> {
        match self.names.get(name) {
            Some(&number) => Some(self.stat(&File::Made(number))),
            None => self.disk.as_mut().and_then(|disk| disk.stat(name)),
        }
    }

    fn stat(&self, file: &File) -> Stat {
        match file {
            File::Random => Stat { size: 0, is_directory: false },
            File::Made(number) => Stat { size: self.files[*number].len() as u64, is_directory: false },
            File::OnDisk { stat, .. } => *stat,
        }
    }

    fn read(&mut self, file: &File, position: u64, target: &mut [u8]) -> usize {
        match file {
            File::Random => {
                self.sources.random(target);
                target.len()
            }
            File::Made(number) => {
                let data = &self.files[*number];
                let from = usize::try_from(position).map_or(data.len(), |at| at.min(data.len()));
                let n = target.len().min(data.len() - from);
                target[..n].copy_from_slice(&data[from..from + n]);
                n
            }
            File::OnDisk { name, .. } => self.disk.as_mut().map_or(0, |disk| disk.read(name, position, target)),
        }
    }

    /// Makes a file as long as this; false where there is no room.
    fn resize(&mut self, number: usize, size: u64) -> bool {
        let others: usize = self.files.iter().map(Vec::len).sum::<usize>() - self.files[number].len();
        let Ok(size) = usize::try_from(size) else { return false };
        let has_room = size <= MADE_BYTES.saturating_sub(others);
        if has_room {
            self.files[number].resize(size, 0);
        }
        has_room
    }
}

fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

pub(super) fn function(name: &str) -> Option<Function> {
    files(name).or_else(|| surroundings(name))
}

/// A system call's answer: that it does not exist.
pub(super) fn refuse(_: &mut dyn Machine, _: &[u64]) -> Result<u64> {
    Ok(failed(NO_SYSTEM_CALL))
}

/// What a system call gives for an error.
fn failed(error: u32) -> u64 {
    error.wrapping_neg().into()
}

fn files(name: &str) -> Option<Function> {
    Some(match name {
        "__syscall_openat" => open,
        "fd_close" => |lean, a| {
            let known = system(lean).descriptors.remove(&at(a, 0)).is_some();
            Ok(if known { 0 } else { BAD_DESCRIPTOR.into() })
        },
        "fd_read" => |lean, a| {
            let fd = at(a, 0);
            let Some((file, position)) = opened(lean, fd) else { return Ok(BAD_DESCRIPTOR.into()) };
            let n = read_into(lean, &file, at(a, 1), at(a, 2), position)?;
            move_to(lean, fd, position + u64::from(n));
            lean.set_word(at(a, 3), n)?;
            Ok(0)
        },
        "fd_pread" => |lean, a| {
            let Some((file, _)) = opened(lean, at(a, 0)) else { return Ok(BAD_DESCRIPTOR.into()) };
            let position = a.get(3).copied().unwrap_or(0);
            let n = read_into(lean, &file, at(a, 1), at(a, 2), position)?;
            lean.set_word(at(a, 4), n)?;
            Ok(0)
        },
        "fd_write" => write,
        "fd_seek" => |lean, a| {
            let fd = at(a, 0);
            let Some((file, position)) = opened(lean, fd) else { return Ok(BAD_DESCRIPTOR.into()) };
            let from = match at(a, 2) {
                0 => 0,
                1 => position,
                _ => system(lean).stat(&file).size,
            };
            let offset = a.get(1).copied().unwrap_or(0).cast_signed();
            let Some(to) = from.checked_add_signed(offset) else { return Ok(INVALID.into()) };
            move_to(lean, fd, to);
            lean.write(at(a, 3), &to.to_le_bytes())?;
            Ok(0)
        },
        "fd_fdstat_get" => |lean, a| {
            let mut bytes = [0; 24];
            bytes[0] = 4; // a regular file
            lean.write(at(a, 1), &bytes)?;
            Ok(0)
        },
        "__syscall_fstat64" => |lean, a| {
            let Some((file, _)) = opened(lean, at(a, 0)) else { return Ok(failed(BAD_DESCRIPTOR)) };
            let stat = system(lean).stat(&file);
            write_stat(lean, at(a, 1), stat)
        },
        "__syscall_stat64" | "__syscall_lstat64" => |lean, a| stat(lean, at(a, 0), at(a, 1)),
        "__syscall_newfstatat" => |lean, a| stat(lean, at(a, 1), at(a, 2)),
        "__syscall_faccessat" => |lean, a| {
            let name = lean.c_text(at(a, 1))?;
            Ok(if system(lean).stat_of(&name).is_none() { failed(NO_ENTRY) } else { 0 })
        },
        "__syscall_unlinkat" => |lean, a| {
            let name = lean.c_text(at(a, 1))?;
            Ok(if system(lean).names.remove(&name).is_some() { 0 } else { failed(NO_ENTRY) })
        },
        "__syscall_ftruncate64" => |lean, a| {
            let size = a.get(1).copied().unwrap_or(0);
            Ok(match opened(lean, at(a, 0)) {
                Some((File::Made(number), _)) if system(lean).resize(number, size) => 0,
                Some((File::Made(_), _)) => failed(NO_SPACE),
                _ => failed(BAD_DESCRIPTOR),
            })
        },
        "__syscall_getcwd" => |lean, a| Ok(set_text(lean, at(a, 0), "/", at(a, 1))?.into()),
        "__syscall_readlinkat" => |_, _| Ok(failed(INVALID)), // nothing is a link
        "__syscall_fcntl64" => |_, _| Ok(0),
        "__syscall_ioctl" => |_, _| Ok(failed(NOT_TERMINAL)),
        _ => return None,
    })
}

fn system(lean: &mut dyn Machine) -> &mut System {
    &mut lean.process().system
}

fn opened(lean: &mut dyn Machine, fd: u32) -> Option<(File, u64)> {
    system(lean).descriptors.get(&fd).map(|open| (open.file.clone(), open.position))
}

fn move_to(lean: &mut dyn Machine, fd: u32, position: u64) {
    if let Some(open) = system(lean).descriptors.get_mut(&fd) {
        open.position = position;
    }
}

fn open(lean: &mut dyn Machine, a: &[u64]) -> Result<u64> {
    let (name, flags) = (lean.c_text(at(a, 1))?, at(a, 2));
    let system = system(lean);
    Ok(match system.look_up(&name, flags) {
        Err(error) => failed(error),
        Ok(file) => {
            let position = if flags & OPEN_APPEND != 0 { system.stat(&file).size } else { 0 };
            let descriptor = system.next_descriptor;
            system.next_descriptor += 1;
            system.descriptors.insert(descriptor, Open { file, position });
            descriptor.into()
        }
    })
}

/// Address and length of each buffer of an iovec array.
fn buffers(lean: &dyn Machine, iov: u32, n: u32) -> Result<Vec<(u32, u32)>> {
    let of = |i: u32| Ok((lean.word(iov.wrapping_add(8 * i))?, lean.word(iov.wrapping_add(8 * i + 4))?));
    (0..n).map(of).collect()
}

fn read_into(lean: &mut dyn Machine, file: &File, iov: u32, n: u32, position: u64) -> Result<u32> {
    let mut total: u32 = 0;
    for (address, length) in buffers(lean, iov, n)? {
        let mut bytes = lean.bytes(address, length)?;
        let count = system(lean).read(file, position + u64::from(total), &mut bytes);
        lean.write(address, &bytes[..count])?;
        total = total.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        if count < bytes.len() {
            break;
        }
    }
    Ok(total)
}

fn write(lean: &mut dyn Machine, a: &[u64]) -> Result<u64> {
    let fd = at(a, 0);
    let made = match opened(lean, fd) {
        Some((File::Made(number), position)) => Some((number, position)),
        None if fd < FIRST_FREE_DESCRIPTOR => None,
        _ => return Ok(BAD_DESCRIPTOR.into()),
    };
    let mut total: u32 = 0;
    for (address, length) in buffers(lean, at(a, 1), at(a, 2))? {
        let bytes = lean.bytes(address, length)?;
        let system = system(lean);
        if let Some((number, position)) = made {
            let from = position + u64::from(total);
            let to = from + u64::from(length);
            if to > system.files[number].len() as u64 && !system.resize(number, to) {
                return Ok(NO_SPACE.into());
            }
            if let Ok(from) = usize::try_from(from) {
                system.files[number][from..from + bytes.len()].copy_from_slice(&bytes);
            }
        } else {
            system.say(&String::from_utf8_lossy(&bytes));
        }
        total = total.wrapping_add(length);
    }
    if let Some((_, position)) = made {
        move_to(lean, fd, position + u64::from(total));
    }
    lean.set_word(at(a, 3), total)?;
    Ok(0)
}

/// struct stat of musl on wasm32. Times and numbers of files are left zero: the snapshot must not depend on them.
fn write_stat(lean: &mut dyn Machine, address: u32, stat: Stat) -> Result<u64> {
    let mut bytes = [0; 96];
    let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(0, 1); // device
    put(4, if stat.is_directory { MODE_DIRECTORY } else { MODE_FILE });
    put(8, 1); // links
    put(32, 4096); // block size
    put(36, 1); // blocks
    put(88, 1); // inode
    bytes[24..32].copy_from_slice(&stat.size.to_le_bytes());
    lean.write(address, &bytes)?;
    Ok(0)
}

fn stat(lean: &mut dyn Machine, name: u32, address: u32) -> Result<u64> {
    let name = lean.c_text(name)?;
    match system(lean).stat_of(&name) {
        None => Ok(failed(NO_ENTRY)),
        Some(stat) => write_stat(lean, address, stat),
    }
}

/// Writes a C string of at most `capacity` bytes with its NUL; how many bytes that took.
fn set_text(lean: &mut dyn Machine, address: u32, text: &str, capacity: u32) -> Result<u32> {
    let bytes: Vec<u8> = text.bytes().chain([0]).take(capacity as usize).collect();
    lean.write(address, &bytes)?;
    Ok(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

const WALL_CLOCK: u32 = 0;

fn surroundings(name: &str) -> Option<Function> {
    Some(match name {
        "emscripten_get_now" => |lean, _| {
            let nanoseconds = system(lean).sources.monotonic();
            Ok((nanoseconds as f64 / 1e6).to_bits())
        },
        "emscripten_date_now" => |lean, _| Ok((system(lean).sources.wall() as f64).to_bits()),
        "clock_time_get" => |lean, a| {
            let sources = &mut system(lean).sources;
            let now = if at(a, 0) == WALL_CLOCK { sources.wall() * 1_000_000 } else { sources.monotonic() };
            lean.write(at(a, 2), &now.to_le_bytes())?;
            Ok(0)
        },
        "clock_res_get" => |lean, a| {
            lean.write(at(a, 1), &1000_u64.to_le_bytes())?;
            Ok(0)
        },
        "_tzset_js" => |lean, a| {
            lean.set_word(at(a, 0), 0)?;
            lean.set_word(at(a, 1), 0)?;
            set_text(lean, at(a, 2), "UTC", u32::MAX)?;
            set_text(lean, at(a, 3), "UTC", u32::MAX)?;
            Ok(0)
        },
        "random_get" => |lean, a| {
            let mut bytes = lean.bytes(at(a, 0), at(a, 1))?;
            system(lean).sources.random(&mut bytes);
            lean.write(at(a, 0), &bytes)?;
            Ok(0)
        },
        "environ_sizes_get" => |lean, a| {
            let bytes: usize = ENVIRONMENT.iter().map(|entry| entry.len() + 1).sum();
            lean.set_word(at(a, 0), ENVIRONMENT.len() as u32)?;
            lean.set_word(at(a, 1), bytes as u32)?;
            Ok(0)
        },
        "environ_get" => |lean, a| {
            let (mut pointer, mut address) = (at(a, 0), at(a, 1));
            for entry in ENVIRONMENT {
                lean.set_word(pointer, address)?;
                address = address.wrapping_add(set_text(lean, address, entry, u32::MAX)?);
                pointer = pointer.wrapping_add(4);
            }
            Ok(0)
        },
        "_emscripten_get_progname" => |lean, a| {
            set_text(lean, at(a, 0), "lean", at(a, 1))?;
            Ok(0)
        },
        "emscripten_num_logical_cores" => |_, _| Ok(1),
        "_emscripten_log_formatted" => |lean, a| {
            let text = lean.c_text(at(a, 1))?;
            system(lean).say(&format!("{text}\n"));
            Ok(0)
        },
        _ => return None,
    })
}
