//! The object ABI of Lean's runtime as compiled to wasm32: reading, building and counting objects.
//!
//! Layout (lean.h): an odd word is a boxed scalar; any other is a pointer to `{i32 rc, u16 size, u8 n_fields, u8 tag}`
//! followed by the fields. A positive count belongs to one thread, a negative one is shared, zero is never freed.
//!
//! Nothing here counts references by itself: a function's documentation says what it borrows and what it takes.

use crate::machine::{Fault, Machine, Result};

/// An object, or a scalar in a box.
pub type Object = u32;

const TAG_CLOSURE: u32 = 245;
const TAG_STRING: u8 = 249;
const HEADER: u32 = 8;

/// The scalar `n` in its box.
#[must_use]
pub const fn boxed(n: u32) -> Object {
    (n << 1) | 1
}

/// Whether this is a scalar in a box.
#[must_use]
pub const fn is_boxed(o: Object) -> bool {
    o & 1 == 1
}

/// The scalar in a box.
#[must_use]
pub const fn unboxed(o: Object) -> u32 {
    o >> 1
}

/// The boxed `Bool` that a compiled function gives.
#[must_use]
pub const fn truth(o: Object) -> bool {
    o == boxed(1)
}

/// The empty list, `none`, `()`, the anonymous name, the world token.
pub const NIL: Object = boxed(0);

impl dyn Machine + '_ {
    /// The word at an address.
    pub fn word(&self, address: u32) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Sets the word at an address.
    pub fn set_word(&mut self, address: u32, value: u32) -> Result<()> {
        self.write(address, &value.to_le_bytes())
    }

    /// The byte at an address.
    pub fn byte(&self, address: u32) -> Result<u8> {
        let mut bytes = [0; 1];
        self.read(address, &mut bytes)?;
        Ok(bytes[0])
    }

    /// Sets the byte at an address.
    pub fn set_byte(&mut self, address: u32, value: u8) -> Result<()> {
        self.write(address, &[value])
    }

    /// Bytes of the memory.
    pub fn bytes(&self, address: u32, n: u32) -> Result<Vec<u8>> {
        if u64::from(address) + u64::from(n) > self.memory_bytes() {
            return Err(Fault::OutOfBounds(address));
        }
        let mut bytes = vec![0; n as usize];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// The constructor's number of an object that is none in a box.
    pub fn tag(&self, o: Object) -> Result<u8> {
        self.byte(o.wrapping_add(7))
    }

    /// How many fields a constructor object has.
    pub fn n_fields(&self, o: Object) -> Result<u32> {
        Ok(u32::from(self.byte(o.wrapping_add(6))?))
    }

    /// A constructor object's size in bytes, its scalars included.
    pub fn size_of(&self, o: Object) -> Result<u32> {
        Ok(self.word(o.wrapping_add(4))? & 0xffff)
    }

    /// A field (borrowed) of a constructor object.
    pub fn field(&self, o: Object, i: u32) -> Result<Object> {
        self.word(o.wrapping_add(HEADER + 4 * i))
    }

    /// Scalar byte `i` behind the fields of a constructor object.
    pub fn scalar(&self, o: Object, i: u32) -> Result<u8> {
        let n = self.n_fields(o)?;
        self.byte(o.wrapping_add(HEADER + 4 * n + i))
    }

    /// Sets scalar byte `i` behind the fields of a constructor object.
    pub fn set_scalar(&mut self, o: Object, i: u32, value: u8) -> Result<()> {
        let n = self.n_fields(o)?;
        self.set_byte(o.wrapping_add(HEADER + 4 * n + i), value)
    }

    /// One more reference to an object, which is given back.
    pub fn retain(&mut self, o: Object) -> Result<Object> {
        if !is_boxed(o) {
            let count = self.word(o)?.cast_signed();
            if count > 0 {
                self.set_word(o, (count + 1).cast_unsigned())?;
            } else if count < 0 {
                self.set_word(o, (count - 1).cast_unsigned())?;
            }
        }
        Ok(o)
    }

    /// One more reference to each.
    pub fn retain_all(&mut self, objects: &[Object]) -> Result<Vec<Object>> {
        objects.iter().map(|&o| self.retain(o)).collect()
    }

    /// One reference less (owned).
    pub fn release(&mut self, o: Object) -> Result<()> {
        if is_boxed(o) {
            return Ok(());
        }
        let count = self.word(o)?.cast_signed();
        if count > 1 {
            self.set_word(o, (count - 1).cast_unsigned())
        } else if count != 0 {
            self.runtime("lean_dec_ref_cold", &[o]).map(|_| ())
        } else {
            Ok(())
        }
    }

    /// One reference less to each (owned).
    pub fn release_all(&mut self, objects: &[Object]) -> Result<()> {
        objects.iter().try_for_each(|&o| self.release(o))
    }

    /// A new constructor object with these fields (owned) and `scalars` bytes of zeroes behind them.
    pub fn construct(&mut self, constructor: u8, fields: &[Object], scalars: u32) -> Result<Object> {
        let n = u32::try_from(fields.len()).map_err(|_| Fault::Unfit("an object with too many fields".to_owned()))?;
        let size = HEADER + 4 * n + scalars;
        let o = self.runtime("lean_alloc_object", &[size])?;
        let header = [1, size | n << 16 | u32::from(constructor) << 24];
        let mut bytes: Vec<u8> = header.iter().chain(fields).flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(size as usize, 0);
        self.write(o, &bytes)?;
        Ok(o)
    }

    /// A copy of a constructor object (borrowed) in which some fields are replaced by others (owned).
    pub fn with_fields(&mut self, o: Object, replaced: &[(u32, Object)]) -> Result<Object> {
        let n = self.n_fields(o)?;
        let mut fields = Vec::with_capacity(n as usize);
        for i in 0..n {
            let new = replaced.iter().find(|(field, _)| *field == i).map(|(_, new)| *new);
            let field = match new {
                Some(new) => new,
                None => {
                    let old = self.field(o, i)?;
                    self.retain(old)?
                }
            };
            fields.push(field);
        }
        let behind = HEADER + 4 * n;
        let scalars = self.size_of(o)?.saturating_sub(behind);
        let tag = self.tag(o)?;
        let copy = self.construct(tag, &fields, scalars)?;
        let bytes = self.bytes(o.wrapping_add(behind), scalars)?;
        self.write(copy + behind, &bytes)?;
        Ok(copy)
    }

    /// A new Lean string. It may hold NUL characters: Lean strings carry their length.
    pub fn string(&mut self, text: &str) -> Result<Object> {
        let address = self.c_string(text)?;
        let string = self.runtime("lean_mk_string_from_bytes", &[address, text.len() as u32])?;
        self.runtime("free", &[address])?;
        Ok(string)
    }

    /// The address of a new C string, to be given to `free`.
    pub fn c_string(&mut self, text: &str) -> Result<u32> {
        let n = u32::try_from(text.len()).map_err(|_| Fault::Crashed("a text of 4 GiB".to_owned()))?;
        let address = self.runtime("malloc", &[n + 1])?;
        if address == 0 {
            let mebibytes = self.memory_bytes() >> 20;
            return Err(Fault::OutOfMemory { mebibytes, detail: format!("a text of {n} bytes") });
        }
        self.write(address, text.as_bytes())?;
        self.set_byte(address + n, 0)?;
        Ok(address)
    }

    /// Whether this is a string.
    pub fn is_string(&self, o: Object) -> Result<bool> {
        Ok(!is_boxed(o) && self.tag(o)? == TAG_STRING)
    }

    /// The text of a Lean string (borrowed).
    pub fn text(&self, string: Object) -> Result<String> {
        self.text_up_to(string, u32::MAX)
    }

    /// At most `cap` bytes of the text of a Lean string (borrowed); where that is not all, how many there are stands behind.
    pub fn text_up_to(&self, string: Object, cap: u32) -> Result<String> {
        let size = self.field(string, 0)?.saturating_sub(1); // the stored size counts a final NUL
        let bytes = self.bytes(string.wrapping_add(HEADER + 12), size.min(cap))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(if size <= cap {
            text.into_owned()
        } else {
            format!("{}… ({size} bytes in all)", text.trim_end_matches('\u{fffd}'))
        })
    }

    /// The same of a string that is owned.
    pub fn take_text(&mut self, string: Object, cap: u32) -> Result<String> {
        let text = self.text_up_to(string, cap)?;
        self.release(string)?;
        Ok(text)
    }

    /// The C string at an address; nothing at the null pointer.
    pub fn c_text(&self, address: u32) -> Result<String> {
        let mut text = Vec::new();
        let mut at = address;
        while at != 0 {
            let n = (self.memory_bytes().saturating_sub(u64::from(at))).min(64);
            let chunk = self.bytes(at, u32::try_from(n).unwrap_or(0))?;
            let end = chunk.iter().position(|&byte| byte == 0);
            text.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
            if end.is_some() {
                break;
            }
            if chunk.is_empty() {
                return Err(Fault::OutOfBounds(at));
            }
            at = at.wrapping_add(64);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// How many items an array has.
    pub fn array_len(&self, array: Object) -> Result<u32> {
        self.field(array, 0)
    }

    /// An item (borrowed) of an array.
    pub fn array_item(&self, array: Object, i: u32) -> Result<Object> {
        self.word(array.wrapping_add(HEADER + 8 + 4 * i))
    }

    /// All items (borrowed) of an array.
    pub fn array_items(&self, array: Object) -> Result<Vec<Object>> {
        let n = self.array_len(array)?;
        if u64::from(n) * 4 > self.memory_bytes() {
            return Err(Fault::OutOfBounds(array));
        }
        (0..n).map(|i| self.array_item(array, i)).collect()
    }

    /// An empty array.
    pub fn empty_array(&mut self) -> Result<Object> {
        self.runtime("lean_array_mk", &[NIL])
    }

    /// The items (borrowed) of a `List`.
    pub fn list_items(&self, list: Object) -> Result<Vec<Object>> {
        let mut items = Vec::new();
        let mut rest = list;
        while !is_boxed(rest) {
            items.push(self.field(rest, 0)?);
            rest = self.field(rest, 1)?;
            if items.len() as u64 * 4 > self.memory_bytes() {
                return Err(Fault::OutOfBounds(list));
            }
        }
        Ok(items)
    }

    /// A `List` of these (owned).
    pub fn list(&mut self, items: &[Object]) -> Result<Object> {
        items.iter().rev().try_fold(NIL, |tail, &item| self.construct(1, &[item, tail], 0))
    }

    /// `some` of an object (owned).
    pub fn some(&mut self, o: Object) -> Result<Object> {
        self.construct(1, &[o], 0)
    }

    /// The result of an action that went well with this (owned).
    pub fn ok(&mut self, o: Object) -> Result<Object> {
        self.construct(0, &[o], 0)
    }

    /// A reference of `IO` to an object (owned).
    pub fn reference(&mut self, o: Object) -> Result<Object> {
        self.runtime("lean_st_mk_ref", &[o])
    }

    /// What a reference (owned) refers to, owned.
    pub fn take_reference(&mut self, reference: Object) -> Result<Object> {
        let value = self.runtime("lean_st_ref_get", &[reference])?;
        self.release(reference)?;
        Ok(value)
    }

    /// Calls a function of the runtime by its C name.
    pub fn runtime(&mut self, name: &'static str, arguments: &[u32]) -> Result<u32> {
        let slot = match self.hooks().resolved.get(name) {
            Some(&(slot, _)) => slot,
            None => {
                let slot =
                    self.symbols().slot(name).ok_or_else(|| Fault::Unfit(format!("there is no function {name}")))?;
                let arity = self.arity(slot)?;
                self.hooks().resolved.insert(name.into(), (slot, arity));
                slot
            }
        };
        self.invoke(slot, arguments)
    }

    /// Calls a compiled Lean function with owned arguments. Compiled code borrows some of its parameters; the `___boxed`
    /// twin, which exists exactly then, owns them all (and takes the erased world token as one more), so one rule serves.
    pub fn call(&mut self, name: &str, arguments: &[Object]) -> Result<Object> {
        let known = self.hooks().resolved.get(name).copied();
        let (slot, arity) = match known {
            Some(known) => known,
            None => {
                let symbols = self.symbols();
                let slot = symbols.slot(&format!("l_{name}___boxed")).or_else(|| symbols.slot(&format!("l_{name}")));
                let slot = slot.ok_or_else(|| Fault::Unfit(format!("there is no function l_{name}")))?;
                let arity = self.arity(slot)?;
                self.hooks().resolved.insert(name.into(), (slot, arity));
                (slot, arity)
            }
        };
        if arity == arguments.len() {
            self.invoke(slot, arguments)
        } else if arity == arguments.len() + 1 {
            let with_world: Vec<u32> = arguments.iter().copied().chain([NIL]).collect();
            self.invoke(slot, &with_world)
        } else {
            Err(Fault::Unfit(format!("l_{name} takes {arity} arguments, not {}", arguments.len())))
        }
    }

    /// The same where the answer is a `Bool`.
    pub fn asks(&mut self, name: &str, arguments: &[Object]) -> Result<bool> {
        Ok(truth(self.call(name, arguments)?))
    }

    /// The value (borrowed) of a compiled constant such as `Lean_MessageLog_empty`.
    pub fn constant(&self, name: &str) -> Result<Object> {
        let address = self.symbols().address(&format!("l_{name}"));
        self.word(address.ok_or_else(|| Fault::Unfit(format!("there is no constant l_{name}")))?)
    }

    /// What an `EIO` action (its result is owned) gave, or its exception; both owned.
    pub fn split(&mut self, result: Object) -> Result<std::result::Result<Object, Object>> {
        let failed = self.tag(result)? != 0;
        let payload = self.field(result, 0)?;
        self.retain(payload)?;
        self.release(result)?;
        Ok(if failed { Err(payload) } else { Ok(payload) })
    }

    /// What an `IO` action gave, or a fault with Lean's own text.
    pub fn io(&mut self, result: Object, what: &str) -> Result<Object> {
        match self.split(result)? {
            Ok(payload) => Ok(payload),
            Err(error) => {
                let text = self.runtime("lean_io_error_to_string", &[error])?;
                Err(Fault::Crashed(format!("{what}: {}", self.take_text(text, u32::MAX)?)))
            }
        }
    }

    /// A Lean closure over the function of `arity` words in a slot. Never freed.
    pub fn closure(&mut self, slot: u32, arity: u32) -> Result<Object> {
        let o = self.runtime("lean_alloc_object", &[HEADER + 8])?;
        for (i, word) in [0, (HEADER + 8) | TAG_CLOSURE << 24, slot, arity].into_iter().enumerate() {
            self.set_word(o + 4 * i as u32, word)?;
        }
        Ok(o)
    }

    /// A `Name` (owned) of these components.
    pub fn name(&mut self, parts: &[&str]) -> Result<Object> {
        parts.iter().try_fold(NIL, |parent, part| {
            let part = self.string(part)?;
            self.call("Lean_Name_str___override", &[parent, part])
        })
    }

    /// The text of a `Name` (borrowed), its components with dots between them.
    pub fn name_text(&self, name: Object) -> Result<String> {
        Ok(self.name_parts(name)?.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join("."))
    }

    /// The components of a `Name` (borrowed). Texts of names can be forged with guillemets; components cannot.
    pub fn name_parts(&self, name: Object) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut rest = name;
        while !is_boxed(rest) {
            let last = self.field(rest, 1)?;
            parts.push(if self.tag(rest)? == 1 { Part::Text(self.text(last)?) } else { Part::Number(last) });
            rest = self.field(rest, 0)?;
        }
        parts.reverse();
        Ok(parts)
    }

    /// Fails unless `o` is a constructor object with `n` fields.
    pub fn expect_fields(&self, what: &str, o: Object, n: u32) -> Result<Object> {
        if is_boxed(o) || self.n_fields(o)? != n {
            return Err(Fault::Unfit(format!("{what} does not have the {n} fields of Lean 4.28")));
        }
        Ok(o)
    }
}

/// A component of a [`name`](trait.Machine.html). Numbers are told apart by their object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Text(String),
    Number(Object),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(object) => write!(f, "{}", unboxed(*object)),
        }
    }
}
