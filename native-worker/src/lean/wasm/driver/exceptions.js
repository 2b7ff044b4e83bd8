// C++ exceptions as emscripten lays them out: the functions that the compiled code imports to throw, match and end them.
// Plain script for Node and Web Workers alike.
//
// An exception is known by the address of its object. Before the object lies its header (cxa_exception.h, wasm32).
"use strict";

globalThis.StepwiseLean ??= {};

// Offsets from the address of the thrown object.
StepwiseLean.EXCEPTION_HEADER = { type: -20, destructor: -16, caught: -12, rethrown: -11, adjusted: -8 };

/**
 * @param views     what createViews returned
 * @param raise     the helper module's `throw(address)`
 * @param functions Lean's compiled functions
 * @returns the imports by name; `matching` serves every `__cxa_find_matching_catch_N`
 */
StepwiseLean.createExceptions = (views, raise, functions) => {
  const HEADER = StepwiseLean.EXCEPTION_HEADER;
  const caught = []; // exceptions whose handlers are running, the innermost last
  let last = 0; // the exception on its way
  let uncaught = 0;

  const throwAgain = (address) => {
    last = address;
    raise(address);
  };

  const rethrow = () => {
    const address = caught.pop();
    if (address === undefined) throw new StepwiseLean.Fatal("C++ rethrows where no exception is being handled");
    if (!views.byte(address + HEADER.rethrown)) {
      caught.push(address); // its handler has still to end
      views.setByte(address + HEADER.rethrown, 1);
      views.setByte(address + HEADER.caught, 0);
      uncaught++;
    }
    throwAgain(address);
  };

  /** Which of the handlers' types takes the exception: its address is returned, the type goes into the second result. */
  const matching = (...types) => {
    const answer = (type) => (functions._emscripten_tempret_set(type), last);
    if (last === 0) return answer(0);
    views.setWord(last + HEADER.adjusted, last);
    const thrown = views.word(last + HEADER.type);
    if (thrown === 0) return answer(0); // not a C++ exception
    for (const type of types) {
      if (type === 0 || type === thrown) break; // `catch (...)`, or the very type
      if (functions.__cxa_can_catch(type, thrown, last + HEADER.adjusted)) return answer(type);
    }
    return answer(thrown);
  };

  const imports = {
    __cxa_throw: (address, type, destructor) => {
      views.setWord(address + HEADER.adjusted, 0);
      views.setWord(address + HEADER.type, type);
      views.setWord(address + HEADER.destructor, destructor);
      uncaught++;
      throwAgain(address);
    },
    __cxa_begin_catch: (address) => {
      if (!views.byte(address + HEADER.caught)) {
        views.setByte(address + HEADER.caught, 1);
        uncaught--;
      }
      views.setByte(address + HEADER.rethrown, 0);
      caught.push(address);
      functions.__cxa_increment_exception_refcount(address);
      return functions.__cxa_get_exception_ptr(address);
    },
    __cxa_end_catch: () => {
      functions.setThrew(0, 0);
      functions.__cxa_decrement_exception_refcount(caught.pop());
      last = 0;
    },
    __cxa_rethrow: rethrow,
    __cxa_rethrow_primary_exception: (address) => {
      if (address === 0) return;
      caught.push(address);
      views.setByte(address + HEADER.rethrown, 1);
      rethrow();
    },
    __cxa_current_primary_exception: () => {
      const address = caught.at(-1) ?? 0;
      if (address !== 0) functions.__cxa_increment_exception_refcount(address);
      return address;
    },
    __cxa_uncaught_exceptions: () => uncaught,
    __resumeException: (address) => throwAgain(last === 0 ? address : last),
    llvm_eh_typeid_for: (type) => type,
  };
  return { imports, matching };
};
