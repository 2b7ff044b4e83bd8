// Reads and writes the pieces of WebAssembly's binary format that the rewriting needs: numbers, names and sections.
// Specification: https://webassembly.github.io/spec/core/binary/
"use strict";

const MAGIC = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const SECTION = {
  custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, element: 9,
  code: 10, data: 11, dataCount: 12, tag: 13,
};
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 };
const TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, funcref: 0x70, function: 0x60, empty: 0x40 };

/** A cursor over `bytes`. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  unsigned() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  signed32() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return shift < 25 && byte & 64 ? value | (-1 << (shift + 7)) : value;
    }
  }

  take(n) {
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  name() {
    return this.take(this.unsigned()).toString("utf8");
  }

  /** A vector of whatever `item` reads. */
  vector(item) {
    return Array.from({ length: this.unsigned() }, () => item(this));
  }

  /** The limits of a table or a memory. */
  limits() {
    const flags = this.byte();
    const minimum = this.unsigned();
    return { shared: (flags & 2) !== 0, minimum, maximum: flags & 1 ? this.unsigned() : null };
  }
}

/** The sections in their order, as {id, body}. */
const readSections = (bytes) => {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("not a WebAssembly module of version 1");
  const reader = new Reader(bytes, MAGIC.length);
  const sections = [];
  while (reader.at < bytes.length) sections.push({ id: reader.byte(), body: reader.take(reader.unsigned()) });
  return sections;
};

const unsigned = (value) => {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128);
  return [...bytes, value];
};

const signed = (value) => {
  const bytes = [];
  for (;;) {
    const low = value & 127;
    value >>= 7;
    if (value === (low & 64 ? -1 : 0)) return [...bytes, low];
    bytes.push(low | 128);
  }
};

const text = (string) => {
  const bytes = Buffer.from(string);
  return [...unsigned(bytes.length), ...bytes];
};

/** A vector of items that are already encoded. */
const vector = (items) => [...unsigned(items.length), ...items.flat()];

/** `body` is a buffer, or an array of bytes. */
const section = (id, body) => Buffer.concat([Buffer.from([id, ...unsigned(body.length)]), Buffer.from(body)]);

const moduleOf = (sections) => Buffer.concat([MAGIC, ...sections]);

module.exports = { SECTION, KIND, TYPE, Reader, readSections, unsigned, signed, text, vector, section, moduleOf };
