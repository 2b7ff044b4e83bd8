//! Divides the package's own functions among pieces.

use wasmparser::{BinaryReader, FunctionBody, Operator};

use super::parse::Parsed;
use super::profile::{self, Profile};
use super::{APART, BOOT, FIRST, Mismatch};

/// How much code a piece of the rest has, in bytes of WebAssembly: compiling takes memory for a whole piece at once,
/// about 50 bytes for each of these.
const REST_BYTES: usize = 20 << 20;

/// Which piece each of the package's own functions belongs to.
pub(super) struct Division {
    /// By the function's place.
    pub(super) pieces: Vec<usize>,
    /// How many pieces there are.
    pub(super) n: usize,
}

/// All of it in the first piece.
pub(super) fn undivided(module: &Parsed<'_>) -> Division {
    Division { pieces: vec![FIRST; module.bodies.len()], n: 1 }
}

/// Divides by a profile; not at all if that was made for another module.
pub(super) fn divide(module: &Parsed<'_>, profile: &Profile) -> Result<Division, Mismatch> {
    if profile.fingerprint != profile::fingerprint(module) {
        return Ok(undivided(module));
    }
    let mut pieces = vec![None; module.bodies.len()];
    let proving = profile.ran.proving.iter().map(|place| (place, FIRST));
    let booting = profile.ran.booting.iter().map(|place| (place, BOOT));
    for (&place, piece) in booting.chain(proving) {
        if let Some(known) = pieces.get_mut(place as usize) {
            *known = Some(piece);
        }
    }
    // The data belongs to the first piece, and so does what stands in for others.
    for (name, _) in APART {
        pieces[module.place(name)?] = Some(FIRST);
    }
    for (piece, body) in pieces.iter_mut().zip(&module.bodies) {
        if uses_data(body)? {
            *piece = Some(FIRST);
        }
    }
    let (mut last, mut bytes) = (BOOT, REST_BYTES);
    let pieces = pieces.into_iter().zip(&module.bodies).map(|(piece, body)| {
        piece.unwrap_or_else(|| {
            if bytes + body.len() > REST_BYTES {
                (last, bytes) = (last + 1, 0);
            }
            bytes += body.len();
            last
        })
    });
    Ok(Division { pieces: pieces.collect(), n: last + 1 })
}

/// Whether a function lays data down or lets go of it.
fn uses_data(body: &[u8]) -> Result<bool, Mismatch> {
    /// The first bytes of `memory.init` and `data.drop`. They may mean something else; few functions have them at all.
    const PREFIXES: [[u8; 2]; 2] = [[0xfc, 8], [0xfc, 9]];
    if !body.windows(2).any(|bytes| PREFIXES.iter().any(|prefix| bytes == prefix)) {
        return Ok(false);
    }
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    for operator in body.get_operators_reader()? {
        if matches!(operator?, Operator::MemoryInit { .. } | Operator::DataDrop { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}
