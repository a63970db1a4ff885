//! A form of several parts, as far as an answer depends on it; read loosely, as providers do.

use crate::request::Asked;

/// Bytes of a second of a recording here: 128 kbit/s.
const BYTES_OF_A_SECOND: u64 = 16_000;

/// Reads a form; `None` where this is none.
pub fn read(content_type: &str, body: &[u8]) -> Option<Asked> {
    let boundary = content_type.split_once("boundary=")?.1.trim_matches('"');
    // A byte is a character here, so that lengths are those of the bytes.
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    let mut asked = Asked::default();
    for part in text.split(&format!("--{boundary}")).skip(1) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let content = content.strip_suffix("\r\n").unwrap_or(content);
        let name = head.split("name=\"").nth(1)?.split('"').next()?;
        match name {
            "model" => asked.model = Some(content.to_owned()),
            "stream" => asked.stream = content == "true",
            "n" => asked.choices = content.parse().ok(),
            "response_format" => asked.response_format = Some(content.to_owned()),
            "prompt" => asked.prompt = serde_json::from_value(content.into()).ok(),
            "file" => {
                let length = content.chars().count() as u64;
                asked.audio_seconds = length.div_ceil(BYTES_OF_A_SECOND).max(1);
            }
            _ => {}
        }
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_model_and_length() {
        let file = "x".repeat(16_001);
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{file}\r\n--b--"
        );
        let asked = read("multipart/form-data; boundary=\"b\"", body.as_bytes()).unwrap();
        assert_eq!(
            (asked.model.as_deref(), asked.audio_seconds),
            (Some("whisper-1"), 2)
        );
        assert!(read("application/json", b"{}").is_none());
    }
}
