//! Reading JSON in one way, enumerations whose variant is named by a field among them: `{ "type": "opened", ... }`.
//!
//! serde derives such an enumeration too. But what it holds is then read in two ways, each with code of its own for every
//! type, and half of that code is for what JSON never has; all of it made up a fifth of the page's module. So a text is read
//! as a [`Tree`] here, and everything else from the tree.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

/// The value that a text holds.
///
/// # Errors
/// It is no JSON, or holds something else.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    T::deserialize(Reader::new(serde_json::from_slice(text)?))
}

/// Defines an enumeration whose variant is named by a field: `tagged! { "type" of "Body" in "snake_case"; enum Body { ... } }`.
/// It is written as serde derives it with `tag`, and read from a tree. Its name stands in quotes too, because serde wants it
/// so.
#[macro_export]
macro_rules! tagged {
    ($tag:literal of $name:literal in $case:literal; $(#[$meta:meta])* $vis:vis enum $enum:ident { $($variants:tt)* }) => {
        $(#[$meta])*
        #[derive(serde::Serialize)]
        #[serde(tag = $tag, rename_all = $case)]
        $vis enum $enum { $($variants)* }

        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // The same variants under another name, of which serde makes what reads the enumeration.
                #[derive(serde::Deserialize)]
                #[serde(remote = $name, rename_all = $case)]
                #[allow(dead_code, reason = "serde reads it, and makes the enumeration itself")]
                enum Shape { $($variants)* }
                Shape::deserialize($crate::wire::Tagged::read($tag, deserializer)?)
            }
        }
    };
}
/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Fields(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Tree::Fields(fields))
    }
}

/// Reads values from a tree. `E` is what is told where the tree has something else.
struct Reader<E> {
    tree: Tree,
    error: PhantomData<E>,
}

impl<E: Error> Reader<E> {
    fn new(tree: Tree) -> Self {
        Self { tree, error: PhantomData }
    }

    fn unexpected(self, expected: &dyn serde::de::Expected) -> E {
        let found = match &self.tree {
            Tree::Null => Unexpected::Unit,
            Tree::Bool(value) => Unexpected::Bool(*value),
            Tree::Unsigned(value) => Unexpected::Unsigned(*value),
            Tree::Signed(value) => Unexpected::Signed(*value),
            Tree::Float(value) => Unexpected::Float(*value),
            Tree::Text(text) => Unexpected::Str(text),
            Tree::List(_) => Unexpected::Seq,
            Tree::Fields(_) => Unexpected::Map,
        };
        E::invalid_type(found, expected)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::Unsigned(value) => visitor.visit_u64(value),
            Tree::Signed(value) => visitor.visit_i64(value),
            Tree::Float(value) => visitor.visit_f64(value),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::Text(text) => visitor.visit_string(text),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::List(items) => visitor.visit_seq(Items { items: items.into_iter(), error: PhantomData }),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn fields<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::Fields(fields) => {
                visitor.visit_map(Fields { fields: fields.into_iter(), value: Tree::Null, error: PhantomData })
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }
}

/// Methods that read what a tree has in one way.
macro_rules! read_by {
    ($($way:ident: $($method:ident)*;)*) => {
        $($(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            self.$way(visitor)
        })*)*
    };
}

impl<'de, E: Error> Deserializer<'de> for Reader<E> {
    type Error = E;

    read_by! {
        number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64;
        text: deserialize_str deserialize_string deserialize_identifier;
        list: deserialize_seq;
        fields: deserialize_map;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(value),
            Tree::Unsigned(_) | Tree::Signed(_) | Tree::Float(_) => self.number(visitor),
            Tree::Text(_) => self.text(visitor),
            Tree::List(_) => self.list(visitor),
            Tree::Fields(_) => self.fields(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.tree {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, E> {
        self.list(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        self.fields(visitor)
    }

    /// A name, or one field of that name with what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        let (variant, tree) = match self.tree {
            Tree::Text(name) => (name, Tree::Null),
            Tree::Fields(mut fields) if fields.len() == 1 => fields.remove(0),
            _ => return Err(self.unexpected(&visitor)),
        };
        visitor.visit_enum(Tagged { variant, tree, error: PhantomData })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple_struct
    }
}

struct Items<E> {
    items: std::vec::IntoIter<Tree>,
    error: PhantomData<E>,
}

impl<'de, E: Error> SeqAccess<'de> for Items<E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        self.items.next().map(|item| seed.deserialize(Reader::new(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields<E> {
    fields: std::vec::IntoIter<(String, Tree)>,
    /// The value whose name was read last.
    value: Tree,
    error: PhantomData<E>,
}

impl<'de, E: Error> MapAccess<'de> for Fields<E> {
    type Error = E;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, E> {
        let Some((name, value)) = self.fields.next() else { return Ok(None) };
        self.value = value;
        seed.deserialize(Reader::new(Tree::Text(name))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, E> {
        seed.deserialize(Reader::new(std::mem::replace(&mut self.value, Tree::Null)))
    }
}

/// A variant by its name, with what belongs to it, for what [`tagged!`](crate::tagged) defines.
pub struct Tagged<E> {
    variant: String,
    tree: Tree,
    error: PhantomData<E>,
}

impl<E: Error> Tagged<E> {
    /// Reads fields, of which `tag` names the variant.
    ///
    /// # Errors
    /// They are something else, or name none.
    pub fn read<'de, D: Deserializer<'de, Error = E>>(tag: &'static str, deserializer: D) -> Result<Self, E> {
        let tree = Tree::deserialize(deserializer)?;
        let Tree::Fields(mut fields) = tree else { return Err(Reader::new(tree).unexpected(&"fields")) };
        let at = fields.iter().position(|(name, _)| name == tag).ok_or_else(|| E::missing_field(tag))?;
        match fields.remove(at).1 {
            Tree::Text(variant) => Ok(Self { variant, tree: Tree::Fields(fields), error: PhantomData }),
            other => Err(Reader::new(other).unexpected(&"the name of a variant")),
        }
    }
}

impl<'de, E: Error> Deserializer<'de> for Tagged<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, E: Error> EnumAccess<'de> for Tagged<E> {
    type Error = E;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Result<(V::Value, Self), E> {
        let name = std::mem::take(&mut self.variant);
        Ok((seed.deserialize(Reader::new(Tree::Text(name)))?, self))
    }
}

impl<'de, E: Error> VariantAccess<'de> for Tagged<E> {
    type Error = E;

    fn unit_variant(self) -> Result<(), E> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, E> {
        seed.deserialize(Reader::new(self.tree))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, E> {
        Reader::new(self.tree).list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, E> {
        Reader::new(self.tree).fields(visitor)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    tagged! { "kind" of "Shown" in "snake_case";
        #[derive(Debug, PartialEq)]
        enum Shown {
            Nothing,
            /// Fields of its own.
            ManyThings { n: u32, #[serde(default, skip_serializing_if = "Option::is_none")] share: Option<f64> },
            Other(Box<Inner>),
        }
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Inner {
        pairs: Vec<(u32, f64)>,
        plain: Plain,
        #[serde(flatten)]
        rest: Rest,
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Rest {
        is_so: bool,
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Plain {
        Word,
        With { text: String },
        Alone(i64),
    }

    #[test]
    fn what_serde_writes_is_read_back() {
        let inner = |plain| {
            Shown::Other(Box::new(Inner { pairs: vec![(1, 0.1), (2, -3.0)], plain, rest: Rest { is_so: true } }))
        };
        let all = [
            Shown::Nothing,
            Shown::ManyThings { n: 7, share: None },
            Shown::ManyThings { n: 0, share: Some(1e-7) },
            inner(Plain::Word),
            inner(Plain::With { text: "⊢ \"a\"\n".to_owned() }),
            inner(Plain::Alone(-5)),
        ];
        for shown in all {
            let text = serde_json::to_string(&shown).unwrap();
            assert_eq!(read::<Shown>(text.as_bytes()).unwrap(), shown, "{text}");
            // Whoever reads it as serde does has the same.
            assert_eq!(serde_json::from_str::<Shown>(&text).unwrap(), shown, "{text}");
        }
        // Whole numbers are numbers, and what nobody knows is passed over.
        let read: Shown = read(br#"{"share": 2, "new": [{}], "n": 1, "kind": "many_things"}"#).unwrap();
        assert_eq!(read, Shown::ManyThings { n: 1, share: Some(2.0) });
    }

    #[test]
    fn what_is_something_else_is_told() {
        let texts = [
            "7",
            "{}",
            r#"{"kind": 3}"#,
            r#"{"kind": "strange"}"#,
            r#"{"kind": "many_things"}"#,
            r#"{"kind": "many_things", "n": -1}"#,
            r#"{"kind": "many_things", "n": "1"}"#,
            r#"{"kind": "other", "pairs": {}}"#,
            r#"{"kind":"#,
        ];
        let told: Vec<String> = texts.map(|text| read::<Shown>(text.as_bytes()).unwrap_err().to_string()).into();
        expect![[r#"
            invalid type: integer `7`, expected fields
            missing field `kind`
            invalid type: integer `3`, expected the name of a variant
            unknown variant `strange`, expected one of `nothing`, `many_things`, `other`
            missing field `n`
            invalid value: integer `-1`, expected u32
            invalid type: string "1", expected u32
            invalid type: map, expected a sequence
            EOF while parsing a value at line 1 column 8"#]]
        .assert_eq(&told.join("\n"));
    }
}
