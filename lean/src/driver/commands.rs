//! Commands: the text of a file, elaborated one after the other on this thread.

use crate::driver::messages::{Message, Severity, empty_log, errors_of, exception_text, messages_of};
use crate::driver::session::some_token;
use crate::driver::syntax::{kind_of, with_examples_kept};
use crate::machine::{Fault, Machine, Result};
use crate::object::{NIL, Object, boxed};

/// Fields of Lean 4.28's `Lean.Elab.Command.Context`.
mod context {
    pub(super) const CANCEL_TOKEN: u32 = 9;
    pub(super) const N: u32 = 10;
}

/// Fields of Lean 4.28's `Lean.Elab.Command.State`.
pub(crate) mod command_state {
    pub(crate) const ENVIRONMENT: u32 = 0;
    pub(crate) const MESSAGES: u32 = 1;
    pub(crate) const SCOPES: u32 = 2;
}

/// Fields of Lean 4.28's `Lean.Elab.Command.Scope`.
pub(crate) mod scope {
    pub(crate) const OPTIONS: u32 = 1;
    pub(crate) const NAMESPACE: u32 = 2;
    pub(crate) const OPEN_DECLS: u32 = 3;
    pub(crate) const VARIABLES: u32 = 5;
    pub(crate) const N: u32 = 10;
    /// Among the scalars.
    pub(crate) const IS_NONCOMPUTABLE: u32 = 0;
}

/// What running commands gave.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The command state after them, owned.
    pub(crate) state: Object,
    pub(crate) messages: Vec<Message>,
    /// Their syntax kinds, in order, without the end of input.
    pub(crate) kinds: Vec<String>,
    /// What this build of Lean left out.
    pub(crate) notes: Vec<String>,
    /// Syntax and scope (owned) of the first, where they were asked for.
    pub(crate) first: Option<[Object; 2]>,
}

/// How commands are run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Examples are elaborated as definitions, which leaves something to judge.
    pub(crate) examples_are_kept: bool,
    /// Whether [`Ran::first`] is wanted.
    pub(crate) first_is_kept: bool,
}

/// Where the parser is: the context of its input, and its state before a command (both borrowed).
#[derive(Clone, Copy)]
struct Place {
    input: Object,
    parser: Object,
}

/// The environment (borrowed) of a command state.
pub(crate) fn environment_of(lean: &dyn Machine, state: Object) -> Result<Object> {
    lean.field(state, command_state::ENVIRONMENT)
}

/// Whether a text is one declaration, with `open .. in` and the like before it or without.
pub(crate) fn is_one_declaration(kinds: &[String]) -> bool {
    matches!(kinds, [kind] if kind == "Lean.Parser.Command.declaration" || kind == "Lean.Parser.Command.in")
}

/// A fresh command state over an environment (owned). Its scope is noncomputable: code cannot be made of what calls the
/// library's compiled functions, which this build's library does not carry, and no theorem needs code. Lean still
/// compiles what it can, so `#eval` runs where nothing is missing; where something is, the definition stands without
/// code instead of being refused.
pub(crate) fn fresh_state(lean: &mut dyn Machine, environment: Object) -> Result<Object> {
    let log = empty_log(lean)?;
    let state = lean.call("Lean_Elab_Command_mkState", &[environment, log, NIL])?;
    with_computability(lean, state, false)
}

fn innermost_scope(lean: &dyn Machine, state: Object) -> Result<Object> {
    let innermost = lean.field(lean.field(state, command_state::SCOPES)?, 0)?;
    lean.expect_fields("Lean.Elab.Command.Scope", innermost, scope::N)
}

/// A command state (owned) with the innermost scope marked: whether a definition without code is refused.
fn with_computability(lean: &mut dyn Machine, state: Object, is_computable: bool) -> Result<Object> {
    let innermost = innermost_scope(lean, state)?;
    let innermost = lean.with_fields(innermost, &[])?;
    lean.set_scalar(innermost, scope::IS_NONCOMPUTABLE, u8::from(!is_computable))?;
    let outer = lean.field(lean.field(state, command_state::SCOPES)?, 1)?;
    lean.retain(outer)?;
    let scopes = lean.construct(1, &[innermost, outer], 0)?;
    let marked = lean.with_fields(state, &[(command_state::SCOPES, scopes)])?;
    lean.release(state)?;
    Ok(marked)
}

/// Elaborates every command of `text` from `state` (owned).
pub(crate) fn run_commands(lean: &mut dyn Machine, text: &str, state: Object, options: Options) -> Result<Ran> {
    let input = input_context(lean, text)?;
    let mut parser = lean.construct(0, &[boxed(0)], 4)?; // ModuleParserState: at position 0, not recovering
    let mut ran = Ran { state, messages: Vec::new(), kinds: Vec::new(), notes: Vec::new(), first: None };
    loop {
        let place = Place { input, parser };
        let parsed = parse_command(lean, place, ran.state)?;
        let stx = lean.field(parsed, 0)?;
        let stx = if options.examples_are_kept { with_examples_kept(lean, stx, text)? } else { lean.retain(stx)? };
        let rest = lean.field(parsed, 1)?;
        let (next, log) = (lean.field(rest, 0)?, lean.field(rest, 1)?);
        ran.messages.extend(messages_of(lean, log)?);
        lean.retain(stx)?;
        let is_terminal = lean.asks("Lean_Parser_isTerminalCommand", &[stx])?;
        let kind = kind_of(lean, stx)?;
        if !is_terminal {
            ran.kinds.push(kind.clone());
            if options.first_is_kept && ran.first.is_none() {
                let scope = innermost_scope(lean, ran.state)?;
                ran.first = Some([lean.retain(stx)?, lean.retain(scope)?]);
            }
            elaborate(lean, stx, &kind, place, &mut ran)?;
        } else if kind != "Lean.Parser.Command.eoi" {
            ran.kinds.push(kind);
        }
        lean.release(stx)?;
        lean.retain(next)?;
        lean.release(parser)?;
        parser = next;
        lean.release(parsed)?;
        if is_terminal {
            break;
        }
    }
    lean.release(parser)?;
    lean.release(input)?;
    Ok(ran)
}

fn input_context(lean: &mut dyn Machine, text: &str) -> Result<Object> {
    let n_bytes = u32::try_from(text.len()).map_err(|_| Fault::Crashed("a text of 4 GiB".to_owned()))?;
    let text = lean.string(text)?;
    let file = lean.string("<input>")?;
    lean.call("Lean_Parser_mkInputContext___redArg", &[text, file, boxed(1), boxed(n_bytes)])
}

/// The next command, the parser's state behind it, and what the parser had to say (owned, in one object).
fn parse_command(lean: &mut dyn Machine, place: Place, state: Object) -> Result<Object> {
    let innermost = innermost_scope(lean, state)?;
    let module = [
        lean.field(state, command_state::ENVIRONMENT)?,
        lean.field(innermost, scope::OPTIONS)?,
        lean.field(innermost, scope::NAMESPACE)?,
        lean.field(innermost, scope::OPEN_DECLS)?,
    ];
    let module = lean.retain_all(&module)?;
    let module = lean.construct(0, &module, 0)?;
    let log = empty_log(lean)?;
    lean.retain(place.input)?;
    lean.retain(place.parser)?;
    lean.call("Lean_Parser_parseCommand", &[place.input, module, place.parser, log])
}

/// Elaborates a command (borrowed); where it evaluates and says nothing, why.
fn elaborate(lean: &mut dyn Machine, stx: Object, kind: &str, place: Place, ran: &mut Ran) -> Result<()> {
    let before = match kind {
        "Lean.Parser.Command.eval" | "Lean.Parser.Command.evalBang" => Some(lean.retain(ran.state)?),
        _ => None,
    };
    let (state, messages) = run_command(lean, stx, place, ran.state)?;
    ran.state = state;
    let is_silent = messages.is_empty();
    ran.messages.extend(messages);
    let Some(before) = before else { return Ok(()) };
    if is_silent && let Some(missing) = missing_code(lean, stx, place, before)? {
        ran.notes.push(format!(
            "not evaluated, because this build of Lean comes without compiled code of its library: {missing}"
        ));
    }
    lean.release(before)
}

/// Lean's complaint about code that is missing, which it has in the scope of a plain file.
fn missing_code(lean: &mut dyn Machine, stx: Object, place: Place, state: Object) -> Result<Option<String>> {
    lean.retain(state)?;
    let state = with_computability(lean, state, true)?;
    let (state, messages) = run_command(lean, stx, place, state)?;
    lean.release(state)?;
    Ok(errors_of(&messages).into_iter().next())
}

/// Elaborates one command (borrowed) from `state` (owned). Gives the state after it (owned) and the messages.
fn run_command(lean: &mut dyn Machine, stx: Object, place: Place, state: Object) -> Result<(Object, Vec<Message>)> {
    let context = command_context(lean, place, state)?;
    let reference = lean.reference(state)?;
    lean.retain(stx)?;
    lean.retain(reference)?;
    let result = lean.call("Lean_Elab_Command_elabCommandTopLevel", &[stx, context, reference])?;
    let outcome = lean.split(result)?;
    let after = lean.take_reference(reference)?;
    let log = lean.field(after, command_state::MESSAGES)?;
    let mut messages = messages_of(lean, log)?;
    match outcome {
        Ok(value) => lean.release(value)?,
        Err(exception) => {
            let text = exception_text(lean, exception)?;
            messages.insert(0, Message { severity: Severity::Error, text, line: 0, is_sorry: false });
        }
    }
    let log = empty_log(lean)?;
    let cleared = lean.with_fields(after, &[(command_state::MESSAGES, log)])?;
    lean.release(after)?;
    Ok((cleared, messages))
}

/// The command context (owned) that Lean's front end would make here, with our cancellation token in it.
fn command_context(lean: &mut dyn Machine, place: Place, state: Object) -> Result<Object> {
    let position = lean.field(place.parser, 0)?;
    lean.retain_all(&[state, place.parser, position])?;
    let commands = lean.empty_array()?;
    let front = lean.construct(0, &[state, place.parser, position, commands], 0)?;
    let front = lean.reference(front)?;
    let receiver = lean.hooks().context_receiver;
    lean.retain(place.input)?;
    let result = lean.call("Lean_Elab_Frontend_runCommandElabM___redArg", &[receiver, place.input, front])?;
    lean.release(result)?;
    let context = lean.hooks().command_context.take();
    let context = context.ok_or_else(|| Fault::Unfit("Lean's front end hands no context out".to_owned()))?;
    lean.expect_fields("Lean.Elab.Command.Context", context, context::N)?;
    let token = some_token(lean)?;
    let with_token = lean.with_fields(context, &[(context::CANCEL_TOKEN, token)])?;
    lean.release(context)?;
    Ok(with_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_declaration_is_one_command() {
        let kinds = |kinds: &[&str]| kinds.iter().map(|kind| format!("Lean.Parser.Command.{kind}")).collect::<Vec<_>>();
        assert!(is_one_declaration(&kinds(&["declaration"])));
        assert!(is_one_declaration(&kinds(&["in"])));
        assert!(!is_one_declaration(&kinds(&["eval"])));
        assert!(!is_one_declaration(&kinds(&["declaration", "declaration"])));
        assert!(!is_one_declaration(&[]));
    }
}
