//! Queries and forms (`application/x-www-form-urlencoded`) taken strictly.
//!
//! A parameter that stands twice is refused unless the type wants a list; RFC 6749 section 3.1
//! demands it of OAuth, and nobody has a use for the ambiguity elsewhere. A parameter without a
//! value counts as left out, as there.

use serde::{
    Deserialize,
    de::{
        DeserializeOwned, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
        VariantAccess, Visitor,
        value::{Error, MapAccessDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::problem::Problem;

const MOST_PARAMETERS: usize = 500;

/// Parameters in the order of their first appearance, each with all its values.
pub(crate) struct Parameters(Vec<(String, Vec<String>)>);

impl Parameters {
    /// Reads `a=1&b=2`.
    ///
    /// # Errors
    /// 400 when what it decodes to is not UTF-8, or there are more than any form of ours has.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Problem> {
        let mut parameters = Self(Vec::new());
        for pair in text
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let middle = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let name = decode(&pair[..middle])?;
            let value = decode(pair.get(middle + 1..).unwrap_or_default())?;
            parameters.add(name, value);
            // Each name is compared with all before it, so their number is bounded.
            if parameters.0.len() > MOST_PARAMETERS {
                return Err(Problem::bad_request("There are too many parameters."));
            }
        }
        Ok(parameters)
    }

    fn add(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.0.push((name, vec![value])),
        }
    }

    /// Takes out a parameter that stands once; `None` when it is missing or ambiguous.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self
            .0
            .iter()
            .position(|(known, values)| known == name && values.len() == 1)?;
        self.0.remove(at).1.pop()
    }

    /// Fits them into a type.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub(crate) fn into_type<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let mut current = None;
        let pairs = Pairs {
            rest: self.0.into_iter(),
            value: None,
            current: &mut current,
        };
        T::deserialize(MapAccessDeserializer::new(pairs)).map_err(|error| {
            let problem = Problem::bad_request(format!("The parameters do not fit: {error}."));
            match current {
                Some(name) => problem.at(name, error.to_string()),
                None => problem,
            }
        })
    }
}

/// Undoes `+` and `%41`; a `%` that begins nothing stands for itself, as browsers have it.
fn decode(text: &[u8]) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| {
            after
                .get(at)
                .and_then(|digit| char::from(*digit).to_digit(16))
        };
        rest = after;
        match (first, hex(0), hex(1)) {
            (b'+', _, _) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = &after[2..];
            }
            (byte, _, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::bad_request("A parameter is not UTF-8."))
}

struct Pairs<'a> {
    rest: std::vec::IntoIter<(String, Vec<String>)>,
    value: Option<Vec<String>>,
    current: &'a mut Option<String>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Error;

    fn next_key_seed<K: serde::de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, values)) = self.rest.next() else {
            *self.current = None;
            return Ok(None);
        };
        self.value = Some(values);
        *self.current = Some(name.clone());
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: serde::de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Error> {
        seed.deserialize(Values(self.value.take().unwrap_or_default()))
    }
}

/// All values of one parameter, which are one value for every type but a list.
struct Values(Vec<String>);

impl Values {
    fn one(&self) -> Result<&str, Error> {
        match self.0.as_slice() {
            [one] => Ok(one),
            _ => Err(Error::custom("stands more than once")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, what: &str) -> Result<T, Error> {
        self.one()?
            .parse()
            .map_err(|_| Error::custom(format!("{what} is needed")))
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $what:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.parsed($what)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.one()?)
    }

    parsed! {
        deserialize_u8 visit_u8 "a whole number from 0 to 255";
        deserialize_u16 visit_u16 "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 "a whole number";
        deserialize_u64 visit_u64 "a whole number";
        deserialize_i8 visit_i8 "a whole number from -128 to 127";
        deserialize_i16 visit_i16 "a whole number";
        deserialize_i32 visit_i32 "a whole number";
        deserialize_i64 visit_i64 "a whole number";
        deserialize_f32 visit_f32 "a number";
        deserialize_f64 visit_f64 "a number";
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.one()? {
            // What a browser sends for a ticked box without a value.
            "true" | "on" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Error::custom("`true` or `false` is needed")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.iter().all(String::is_empty) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let values = self.0.into_iter().map(|value| Self(vec![value]));
        visitor.visit_seq(SeqDeserializer::new(values))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Word(self.one()?))
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Values {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The name of an enum's variant.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: serde::de::DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: serde::de::DeserializeSeed<'de>>(
        self,
        _: T,
    ) -> Result<T::Value, Error> {
        Err(Error::custom("a word is needed"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a word is needed"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom("a word is needed"))
    }
}

/// A form or query that holds nothing, such as that of a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Narrowing {
        name: String,
        limit: Option<u32>,
        #[serde(default)]
        models: Vec<String>,
        #[serde(default)]
        notify: bool,
        format: Option<Format>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Format {
        Csv,
        Jsonl,
    }

    fn parse(text: &str) -> Result<Narrowing, Problem> {
        Parameters::parse(text.as_bytes())?.into_type()
    }

    #[test]
    fn a_form_is_read_into_its_type() {
        let form =
            parse("name=Caf%C3%A9+Nero&limit=20&models=a&models=b*&notify=on&format=csv").unwrap();
        assert_eq!(form.name, "Café Nero");
        assert_eq!(form.limit, Some(20));
        assert_eq!(form.models, ["a", "b*"]);
        assert!(form.notify);
        assert_eq!(form.format, Some(Format::Csv));
    }

    #[test]
    fn a_parameter_without_a_value_counts_as_left_out() {
        let form = parse("name=x&limit=&format=").unwrap();
        assert_eq!((form.limit, form.format), (None, None));
    }

    #[test]
    fn a_parameter_that_stands_twice_is_refused_by_name() {
        let problem = parse("name=a&name=b").unwrap_err();
        assert_eq!(problem.errors()[0].pointer, "name");
        assert!(problem.detail().contains("more than once"), "{problem}");
        assert!(parse("name=a&limit=1&limit=2").is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (text, name) in [
            ("name=a&limit=-1", "limit"),
            ("name=a&limit=1e9", "limit"),
            ("name=a&limit=99999999999", "limit"),
            ("name=a&notify=yes", "notify"),
            ("name=a&format=pdf", "format"),
            ("name=a&colour=red", "colour"),
        ] {
            let problem = parse(text).unwrap_err();
            assert_eq!(problem.errors()[0].pointer, name, "{text}");
        }
        assert!(parse("limit=1").unwrap_err().detail().contains("name"));
    }

    #[test]
    fn no_form_has_very_many_parameters() {
        let many: String = (0..1_000).map(|name| format!("{name}=1&")).collect();
        assert!(parse(&many).unwrap_err().detail().contains("too many"));
        let list = format!("name=x{}", "&models=a".repeat(1_000));
        assert_eq!(parse(&list).unwrap().models.len(), 1_000);
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        assert!(parse("name=%ff").is_err());
        assert_eq!(parse("name=100%25&&").unwrap().name, "100%");
        assert_eq!(parse("name=100%").unwrap().name, "100%");
    }
}
