// The operating system that Lean sees: a few files, clocks, randomness, and refusals for everything else.
// Plain script for Node and Web Workers alike.
//
// Lean runs text that nobody has vetted (`#eval` is part of the language), so it sees no file of the machine unless the
// caller gives a `disk`, and that is done only while the library is imported. What Lean creates lives in memory.
"use strict";

globalThis.StepwiseLean ??= {};

/** Clocks and randomness as they are. */
StepwiseLean.realSources = () => ({
  /** Nanoseconds that never go back. */
  monotonic: () => BigInt(Math.round(performance.now() * 1e6)),
  /** Milliseconds since 1970. */
  wall: () => Date.now(),
  /** Fills with random bytes. The Web's generator takes neither shared memory nor more than 64 KiB at once. */
  random: (target) => {
    for (let done = 0; done < target.length;) {
      const part = crypto.getRandomValues(new Uint8Array(Math.min(target.length - done, 65536)));
      target.set(part, done);
      done += part.length;
    }
  },
});

/** Clocks and randomness that are the same in every run, so that a snapshot comes out the same every time. */
StepwiseLean.fixedSources = () => {
  let ticks = 1_000_000_000n;
  let seed = 0x9e3779b9;
  return {
    monotonic: () => (ticks += 1000n),
    wall: () => 1_700_000_000_000,
    random: (target) => {
      for (let i = 0; i < target.length; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        target[i] = seed >>> 24;
      }
    },
  };
};

/**
 * @param views   what createViews returned
 * @param sources {monotonic, wall, random}
 * @param disk    null, or {open(name) -> {size, read(target, position) -> count, close()} or null,
 *                stat(name) -> {size, directory} or null}
 * @returns {imports, said}: `said()` is the last text that Lean wrote to its standard streams
 */
StepwiseLean.createSystem = (views, sources, disk) => {
  // WASI answers with the error's number, a system call with its negative.
  const ERROR = { badDescriptor: 8, invalid: 28, noEntry: 44, noSystemCall: 52, notTerminal: 59, notPermitted: 63 };
  const OPEN = { write: 3, create: 0x40, truncate: 0x200, append: 0x400 };
  const MODE = { file: 0o100600, directory: 0o40700 };
  const FIRST_FREE_DESCRIPTOR = 3;
  const ENVIRONMENT = ["LANG=C.UTF-8", "HOME=/", "PATH=/", "USER=lean", "PWD=/", "LOGNAME=lean", "_=lean"];
  const SAID_CHARACTERS = 4000;
  const decoder = new TextDecoder();

  // ---- files

  const created = new Map(); // name -> file made by Lean
  const descriptors = new Map(); // number -> {file, position}
  let nextDescriptor = FIRST_FREE_DESCRIPTOR;

  const randomFile = {
    size: 0,
    read: (target) => (sources.random(target), target.length),
    close: () => {},
  };
  /** A file in memory. */
  const memoryFile = () => {
    let data = new Uint8Array(0);
    const resize = (size) => {
      const old = data;
      data = new Uint8Array(size);
      data.set(old.subarray(0, size));
    };
    return {
      get size() { return data.length; },
      read: (target, position) => {
        const part = data.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      write: (source, position) => {
        if (position + source.length > data.length) resize(position + source.length);
        data.set(source, position);
      },
      resize,
      close: () => {},
    };
  };

  const lookUp = (name, flags) => {
    if (name === "/dev/urandom" || name === "/dev/random") return { file: randomFile };
    let file = created.get(name);
    if (file === undefined && flags & OPEN.create) created.set(name, file = memoryFile());
    if (file !== undefined) {
      if (flags & OPEN.truncate) file.resize(0);
      return { file };
    }
    if (flags & OPEN.write) return { error: ERROR.notPermitted };
    file = disk?.open(name) ?? null;
    return file === null ? { error: ERROR.noEntry } : { file };
  };

  /** struct stat of musl on wasm32. Times and numbers of files are left zero: the snapshot must not depend on them. */
  const writeStat = (p, { size, directory = false }) => {
    views.bytes(p, 96).fill(0);
    views.setWord(p, 1); // device
    views.setWord(p + 4, directory ? MODE.directory : MODE.file);
    views.setWord(p + 8, 1); // links
    views.setLong(p + 24, size);
    views.setWord(p + 32, 4096); // block size
    views.setWord(p + 36, 1); // blocks
    views.setLong(p + 88, 1); // inode
    return 0;
  };
  const statOf = (name) => created.get(name) ?? disk?.stat(name) ?? null;
  const stat = (name, p) => {
    const found = statOf(name);
    return found === null ? -ERROR.noEntry : writeStat(p, found);
  };

  /** The buffers of an iovec array. */
  const buffers = (iov, n) => Array.from({ length: n }, (_, i) => views.bytes(views.word(iov + 8 * i), views.word(iov + 8 * i + 4)));
  const readInto = (file, iov, n, position) => {
    let total = 0;
    for (const buffer of buffers(iov, n)) {
      const count = file.read(buffer, position + total);
      total += count;
      if (count < buffer.length) break;
    }
    return total;
  };

  let said = "";
  const say = (text) => {
    // This build of Lean reports its own progress on standard error.
    if (!text.includes("[DEBUG")) said = (said + text).slice(-SAID_CHARACTERS);
  };

  const files = {
    __syscall_openat: (_directory, name, flags) => {
      const { file, error } = lookUp(views.text(name), flags);
      if (error !== undefined) return -error;
      descriptors.set(nextDescriptor, { file, position: flags & OPEN.append ? file.size : 0 });
      return nextDescriptor++;
    },
    fd_close: (fd) => {
      if (!descriptors.has(fd)) return ERROR.badDescriptor;
      descriptors.get(fd).file.close();
      descriptors.delete(fd);
      return 0;
    },
    fd_read: (fd, iov, n, out) => {
      const open = descriptors.get(fd);
      if (open === undefined) return ERROR.badDescriptor;
      const count = readInto(open.file, iov, n, open.position);
      open.position += count;
      views.setWord(out, count);
      return 0;
    },
    fd_pread: (fd, iov, n, position, out) => {
      const open = descriptors.get(fd);
      if (open === undefined) return ERROR.badDescriptor;
      views.setWord(out, readInto(open.file, iov, n, Number(position)));
      return 0;
    },
    fd_write: (fd, iov, n, out) => {
      let total = 0;
      const open = descriptors.get(fd);
      if (fd >= FIRST_FREE_DESCRIPTOR && open?.file.write === undefined) return ERROR.badDescriptor;
      for (const buffer of buffers(iov, n)) {
        if (open === undefined) {
          say(decoder.decode(buffer.slice()));
        } else {
          open.file.write(buffer, open.position);
          open.position += buffer.length;
        }
        total += buffer.length;
      }
      views.setWord(out, total);
      return 0;
    },
    fd_seek: (fd, offset, whence, out) => {
      const open = descriptors.get(fd);
      if (open === undefined) return ERROR.badDescriptor;
      const from = [0, open.position, open.file.size][whence];
      open.position = from + Number(offset);
      views.setLong(out, open.position);
      return 0;
    },
    fd_fdstat_get: (_fd, p) => {
      views.bytes(p, 24).fill(0);
      views.setByte(p, 4); // a regular file
      return 0;
    },
    __syscall_fstat64: (fd, p) => (descriptors.has(fd) ? writeStat(p, descriptors.get(fd).file) : -ERROR.badDescriptor),
    __syscall_stat64: (name, p) => stat(views.text(name), p),
    __syscall_lstat64: (name, p) => stat(views.text(name), p),
    __syscall_newfstatat: (_directory, name, p) => stat(views.text(name), p),
    __syscall_faccessat: (_directory, name) => (statOf(views.text(name)) === null ? -ERROR.noEntry : 0),
    __syscall_unlinkat: (_directory, name) => (created.delete(views.text(name)) ? 0 : -ERROR.noEntry),
    __syscall_ftruncate64: (fd, size) => {
      const resize = descriptors.get(fd)?.file.resize;
      if (resize === undefined) return -ERROR.badDescriptor;
      resize(Number(size));
      return 0;
    },
    __syscall_getcwd: (p, capacity) => views.setText(p, "/", capacity),
    __syscall_readlinkat: () => -ERROR.invalid, // nothing is a link
    __syscall_fcntl64: () => 0,
    __syscall_ioctl: () => -ERROR.notTerminal,
  };

  // ---- time, chance and the environment

  const milliseconds = (nanoseconds) => Number(nanoseconds) / 1e6;
  const WALL_CLOCK = 0;
  const surroundings = {
    emscripten_get_now: () => milliseconds(sources.monotonic()),
    emscripten_date_now: () => sources.wall(),
    clock_time_get: (clock, _precision, out) => {
      views.setLong(out, clock === WALL_CLOCK ? BigInt(sources.wall()) * 1_000_000n : sources.monotonic());
      return 0;
    },
    clock_res_get: (_clock, out) => {
      views.setLong(out, 1000);
      return 0;
    },
    _tzset_js: (zone, daylight, standardName, daylightName) => {
      views.setWord(zone, 0);
      views.setWord(daylight, 0);
      views.setText(standardName, "UTC");
      views.setText(daylightName, "UTC");
    },
    random_get: (p, n) => {
      sources.random(views.bytes(p, n));
      return 0;
    },
    environ_sizes_get: (count, size) => {
      views.setWord(count, ENVIRONMENT.length);
      views.setWord(size, ENVIRONMENT.reduce((sum, entry) => sum + entry.length + 1, 0));
      return 0;
    },
    environ_get: (pointers, p) => {
      ENVIRONMENT.forEach((entry, i) => {
        views.setWord(pointers + 4 * i, p);
        p += views.setText(p, entry);
      });
      return 0;
    },
    _emscripten_get_progname: (p, capacity) => { views.setText(p, "lean", capacity); },
    emscripten_num_logical_cores: () => 1,
    _emscripten_log_formatted: (_flags, text) => say(`${views.text(text)}\n`),
  };

  const refuseSystemCall = () => -ERROR.noSystemCall;
  return { imports: { ...files, ...surroundings }, refuseSystemCall, said: () => said };
};
