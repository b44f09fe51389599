//! A token out of an `Authorization` header (RFC 6750, section 2.1). Pure.

/// The token behind `Bearer`, in whatever case (RFC 9110, section 11.1). `None` for any other scheme.
#[must_use]
pub fn parse(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim_start_matches(' ').split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && is_token(token)).then_some(token)
}

/// Base64 in both alphabets and the dots of a JWT: `token68` (RFC 9110, section 11.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// The token that a list of WebSocket subprotocols carries as `bearer.<token>`: the one header that a page can set.
#[must_use]
pub fn from_subprotocols<'a>(mut protocols: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    protocols.find_map(|protocol| protocol.trim().strip_prefix("bearer.").filter(|token| is_token(token)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c ", " bEaReR a.b.c"] {
            assert_eq!(parse(header), Some("a.b.c"), "{header:?}");
        }
        for header in ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer a,b", "a.b.c", "Bearer \u{e9}"] {
            assert_eq!(parse(header), None, "{header:?}");
        }
    }

    #[test]
    fn a_subprotocol_may_carry_the_token() {
        assert_eq!(from_subprotocols("coursestream, bearer.a.b.c".split(',')), Some("a.b.c"));
        assert_eq!(from_subprotocols("coursestream".split(',')), None);
        assert_eq!(from_subprotocols("bearer.".split(',')), None);
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(header in ".{0,80}") {
            let _ = parse(&header);
            let _ = from_subprotocols(header.split(','));
        }
    }
}
