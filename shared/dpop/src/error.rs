//! What is wrong with a proof.

/// Why a proof proves nothing (RFC 9449 section 4.3). The words are for the developer of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A proof is needed and there is none.
    #[error("a DPoP proof is needed: send one in the DPoP header")]
    Missing,
    /// More than one header.
    #[error("the DPoP header is there more than once")]
    Several,
    /// Not a signed JWT in its compact form, too long, or with a header that must be understood.
    #[error("the DPoP proof is not a signed JWT")]
    Form,
    /// Another `typ`.
    #[error("typ of the DPoP proof must be dpop+jwt")]
    Type,
    /// Symmetric, `none`, or not offered.
    #[error("alg of the DPoP proof must be one of ES256, RS256, PS256, EdDSA")]
    Algorithm,
    /// No public key, a weak one, or one that the algorithm is not for.
    #[error("jwk of the DPoP proof must be a public key of its alg; RSA with 2048 bits or more")]
    Key,
    /// The private half is in it. It should not be used any more.
    #[error("jwk of the DPoP proof holds a private key; make a new key and send its public half")]
    PrivateKey,
    /// Signed by another key, or changed.
    #[error("the DPoP proof is not signed by the key in it")]
    Signature,
    /// A claim is missing or of another type.
    #[error("{0} of the DPoP proof is missing or cannot be read")]
    Claim(&'static str),
    /// Made for another method.
    #[error("htm of the DPoP proof is not the method of this request")]
    Method,
    /// Made for another address.
    #[error("htu of the DPoP proof is not the address of this request")]
    Target,
    /// Made too long ago, or too far ahead.
    #[error("iat of the DPoP proof is more than 60 seconds from now; look at the clock")]
    Time,
    /// Made for another token.
    #[error("ath of the DPoP proof is not the digest of the token")]
    Token,
    /// It was used before.
    #[error("the DPoP proof was used before; make one for each request")]
    Used,
}
