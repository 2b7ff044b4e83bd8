/-! What people write: tactics and commands that a policy may never think of, so that they are there first too
(`lean_profile.rs`). Some of it fails on purpose, because what fails is told. -/

set_option autoImplicit false

universe u

namespace Written

inductive Tree (α : Type u) where
  | leaf : Tree α
  | node : Tree α → α → Tree α → Tree α
  deriving Repr, BEq, DecidableEq, Inhabited

structure Point where
  x : Nat
  y : Int := 0
  deriving Repr, DecidableEq, Hashable

class Shape (α : Type) where
  area : α → Nat
  area_pos : ∀ a, 0 < area a

instance : Shape Unit := ⟨fun _ => 1, fun _ => Nat.one_pos⟩

namespace Tree

variable {α : Type u}

def size : Tree α → Nat
  | leaf => 0
  | node l _ r => l.size + 1 + r.size

def mirror : Tree α → Tree α
  | leaf => leaf
  | node l a r => node r.mirror a l.mirror

def map {β : Type u} (f : α → β) : Tree α → Tree β
  | leaf => leaf
  | node l a r => node (l.map f) (f a) (r.map f)

@[simp] theorem size_mirror (t : Tree α) : t.mirror.size = t.size := by
  induction t with
  | leaf => rfl
  | node l a r hl hr =>
    simp only [mirror, size, hl, hr]
    omega

theorem mirror_mirror (t : Tree α) : t.mirror.mirror = t := by
  induction t <;> simp_all [mirror]

theorem size_map {β : Type u} (f : α → β) (t : Tree α) : (t.map f).size = t.size := by
  fun_induction map f t <;> simp_all [size]

end Tree

mutual
  def isEven : Nat → Bool
    | 0 => true
    | n + 1 => isOdd n
  def isOdd : Nat → Bool
    | 0 => false
    | n + 1 => isEven n
end

def log2 (n : Nat) : Nat := if h : n ≤ 1 then 0 else 1 + log2 (n / 2)
termination_by n
decreasing_by omega

local notation "ℕ" => Nat
local infixl:65 " +++ " => fun (a b : List ℕ) => a ++ b
macro "close" : tactic => `(tactic| first | assumption | omega | simp_all)
syntax:max "double " term:max : term
macro_rules | `(double $t) => `(($t + $t))

section
variable (p q r : Prop) (a b c d : ℕ)

example (hp : p) (hq : q) : p ∧ q := ⟨hp, hq⟩
example (h : p ∧ q) : q ∧ p := by
  obtain ⟨hp, hq⟩ := h
  constructor
  · exact hq
  · exact hp
example (h : p ∨ q) : q ∨ p := by
  rcases h with hp | hq
  · right; assumption
  · left; assumption
example (h : p ∨ q) : q ∨ p := by
  cases h with
  | inl hp => exact Or.inr hp
  | inr hq => exact Or.inl hq
example : p → q → p := by
  intro hp _
  exact hp
example (h : p → q) (hnq : ¬q) : ¬p := by
  intro hp
  apply hnq
  apply h
  exact hp
example (h : ¬p) (hp : p) : q := by contradiction
example (h : False) : p := by
  exfalso
  exact h
example (h : p ↔ q) (hp : p) : q := by
  rw [← h]
  assumption
example (h : p ↔ q) : q ↔ p := by
  constructor <;> intro x
  · exact h.mpr x
  · exact h.mp x
example : ¬(p ∧ ¬p) := fun ⟨hp, hnp⟩ => hnp hp
example (hp : p) : ¬¬p := by
  by_cases h : p
  · simpa using hp
  · exact absurd hp h
example : p ∨ ¬p := by exact Classical.em p
example (h : ∃ x : ℕ, x = a ∧ 0 < x) : 0 < a := by
  let ⟨x, hx, pos⟩ := h
  subst hx
  exact pos
example : ∃ x, x = a + 1 := by exists a + 1
example : ∃ x, x * 2 = 8 := ⟨4, by decide⟩
example (f : ℕ → ℕ) (h : ∀ x, f x = x) : f a = a := by
  have := h a
  rw [this]
example (h : ∀ x : ℕ, 0 < x → p) : p := by
  specialize h 1 (by decide)
  exact h
example : a + b = b + a := by rw [Nat.add_comm]
example : a + b + c = c + b + a := by
  conv => lhs; rw [Nat.add_comm a b]
  rw [Nat.add_comm, Nat.add_comm b a, ← Nat.add_assoc]
  omega
example (h : a = b) : b + 0 = a := by
  conv in b + 0 => rw [Nat.add_zero]
  conv => enter [1]; rw [← h]
example : a * (b + c) = a * b + a * c := by
  rw [Nat.mul_add]
example (h : a = b) (k : b = c) : a = c := by
  calc
    a = b := h
    _ = c := k
example (h : a < b) (k : b < c) : a < c := calc
  a < b := h
  _ < c := k
example (h : a = b) : a + c = b + c := by
  congr
example (h : a ≤ b) : a < b + 1 := by
  show a < Nat.succ b
  exact Nat.lt_succ_of_le h
example (h : a + 0 = b) : a = b := by
  simp at h
  exact h
example (h : a = b) : b = a := by
  symm
  exact h
example (h : a = 0 ∨ b = 0) : a * b = 0 := by
  match h with
  | .inl h => simp [h]
  | .inr h => simp [h]
example : (if a = b then 1 else 2) ≤ 2 := by
  split
  · decide
  · exact Nat.le_refl _
example (h : (if a < b then c else d) = c) (k : ¬a < b) : d = c := by
  rw [if_neg k] at h
  assumption
example : (match a with | 0 => 1 | n + 1 => n + 1) ≠ 0 := by
  split <;> simp
example : max a b = max b a := by
  simp only [Nat.max_def]
  split <;> split <;> omega
example : a - b ≤ a := by
  unfold HSub.hSub instHSub
  exact Nat.sub_le a b
example : double a = 2 * a := by
  change a + a = 2 * a
  omega
example (h : a + 1 = b + 1) : a = b := by
  injection h
example (h : some a = some b) : a = b := by
  injections
example (h : a = b) (_ : b = c) : a = c := by
  rename_i k
  exact h.trans k
example : ∀ x y : ℕ, x = y → y = x := by
  intros x y h
  revert h
  generalize x = z
  intro h
  exact h.symm
example (h : 0 < a) : ∃ n, a = n + 1 := by
  cases a with
  | zero => exact absurd h (Nat.lt_irrefl 0)
  | succ n => exact ⟨n, rfl⟩
example (h : 0 < a) : a ≠ 0 := by
  rintro rfl
  exact Nat.lt_irrefl 0 h
example : a < 0 → p := nofun
example (h : a < 0) : p := by nomatch h
example (h : p) : p ∧ True := by
  refine ⟨?_, ?_⟩
  all_goals try exact h
  trivial
example (h : p) (k : q) : (p ∧ q) ∧ p := by
  and_intros <;> first | exact h | exact k
example (h : a = b ∧ c = d) : a + c = b + d := by
  have ⟨h1, h2⟩ := h
  rw [h1, h2]
example (h : a < b) : ¬b ≤ a := by
  suffices k : a < b by omega
  exact h
example : a + b + c = a + (c + b) := by ac_rfl
example (x y : Int) (h : x < y) : x + 1 ≤ y := by omega
example (h : (a : Int) < b) : a < b := by exact_mod_cast h
example (h : a = b) : (a : Int) = b := by
  norm_cast
example : ((a + b : ℕ) : Int) = a + b := by
  push_cast
  rfl
example (f g : ℕ → ℕ) (h : ∀ x, f x = g x) : f = g := by
  funext x
  exact h x
example (f g : ℕ → ℕ) (h : ∀ x, f x = g x) : f = g := by
  ext x
  apply h
example (x y : ℕ × ℕ) (h : x.1 = y.1) (k : x.2 = y.2) : x = y := by
  ext
  · exact h
  · exact k
example : isEven 10 = true := by decide
example : log2 1 = 0 := by
  unfold log2
  rfl
example (n : ℕ) : isEven (n + 2) = isEven n := by
  simp [isEven, isOdd]
example (s t : List ℕ) : (s +++ t).length = s.length + t.length := by
  simp
example (s : List ℕ) : s.map id = s := by
  induction s with
  | nil => rfl
  | cons x s ih => rw [List.map_cons, ih]; rfl
example (s : List ℕ) (h : a ∈ s) : s ≠ [] := by
  rintro rfl
  simp at h
example (s : Array ℕ) (h : a < s.size) : s[a] = s[a] := rfl
example (o : Option ℕ) (h : o.isSome) : ∃ x, o = some x := by
  cases o
  · contradiction
  · exact ⟨_, rfl⟩
example (x y : Bool) : (x && y) = (y && x) := by
  cases x <;> cases y <;> rfl
example (i : Fin 3) : i.val < 3 := i.isLt
example (x : BitVec 8) : x ^^^ x = 0 := by simp
example (x : BitVec 8) (h : x.toNat < 4) : x < 4#8 := by bv_omega
example (s : String) : s ++ "" = s := by simp
example : Written.Point.mk 1 2 = { x := 1, y := 2 } := rfl
example (x : Unit) : 0 < Shape.area x := Shape.area_pos x
example : Inhabited (Tree ℕ) := inferInstance
example : Nonempty ℕ := by infer_instance
example (n : ℕ) : n < 2 ^ n := by
  induction n using Nat.strongRecOn with
  | ind n ih =>
    match n with
    | 0 => decide
    | k + 1 =>
      have := ih k (Nat.lt_succ_self k)
      rw [Nat.pow_succ]
      omega
example (n : ℕ) : 0 + n = n := by
  let rec go : ∀ n : ℕ, 0 + n = n
    | 0 => rfl
    | n + 1 => congrArg Nat.succ (go n)
  exact go n
example (h : p) : p := by
  first
    | fail "no"
    | skip; exact h
example (h : p) (k : q) : p ∧ q := by
  apply And.intro
  case left => exact h
  case right => exact k
example (h : a ∣ b) (k : b ∣ c) : a ∣ c := by
  obtain ⟨x, rfl⟩ := h
  obtain ⟨y, rfl⟩ := k
  exact ⟨x * y, by rw [Nat.mul_assoc]⟩
example (h : p → q) (k : q → r) (hp : p) : r := by
  solve_by_elim
example (h : a = b) (k : p) : a = b := by
  clear k
  repeat assumption
example (h : a = b) : a = b := by
  iterate 2 try skip
  any_goals exact h
example (h : a ≤ b) : ∃ c, b = a + c := by
  use_goal_is_unknown
example : a + b = c := by omega
example : a = b := by rfl
example : p := by assumption
example : a = b := by exact (rfl : a = a)
example : a + b = b + a := by apply Nat.mul_comm
example (h : p ∧ q) : q := by
  cases h
  simp
example : a * b = b * a := by
  rw [Nat.mul_comm
example : a = b := by simp
example : ∀ n : ℕ, n < 5 := by decide
example : a + 0 = a := unknown_name a
example : a = a := by grind?
example : a + b = b + a := by simp? [Nat.add_comm]
example : a + b = b + a := by show_term omega
example : a + b = b + a := by exact?
example (h : a = b) : b = a := by apply?
example (h : a = b) : a + c = b + c := by rw?
end

open Nat in
theorem opened (n : Nat) : n ≤ succ n := le_succ n

attribute [local simp] opened in
example (n : Nat) : n ≤ n.succ := by simp

protected theorem counted (n : Nat) : ∀ m, n + m = m + n
  | 0 => by simp
  | m + 1 => by rw [Nat.add_succ, Written.counted n m, Nat.succ_add]

theorem with_where (n : Nat) : n = n := helper
where helper : n = n := rfl

#check @Written.counted
#print axioms with_where
#eval 1 + 1

end Written
