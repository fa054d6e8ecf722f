//! The hash of a server's certificate that ties a password exchange to its TLS connection (RFC 5929, section 4).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// What comes before the last byte of the identifiers of RSA signatures (PKCS #1), as DER holds them.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// The same of ECDSA signatures with SHA-2, and the whole of that with SHA-1 (RFC 5758).
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const ECDSA_SHA_1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];

/// Hashes a certificate by the hash function of its signature, but never MD5 or SHA-1; `None` if that has no such function.
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate)?;
    let last = |prefix: &[u8]| match algorithm.strip_prefix(prefix) {
        Some([last]) => Some(*last),
        _ => None,
    };
    match (last(RSA), last(ECDSA)) {
        // MD5, SHA-1 and SHA-256.
        (Some(4 | 5 | 11), _) | (_, Some(2)) => Some(Sha256::digest(certificate).to_vec()),
        (Some(12), _) | (_, Some(3)) => Some(Sha384::digest(certificate).to_vec()),
        (Some(13), _) | (_, Some(4)) => Some(Sha512::digest(certificate).to_vec()),
        _ if algorithm == ECDSA_SHA_1 => Some(Sha256::digest(certificate).to_vec()),
        _ => None,
    }
}

/// Returns the object identifier that follows the signed part of a certificate (RFC 5280, section 4.1).
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    let (parts, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(parts, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    element(algorithm, OBJECT_IDENTIFIER).map(|(identifier, _)| identifier)
}

/// Returns the content of the DER element at the start, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            if bytes.len() > 4 {
                return None;
            }
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
        SignatureAlgorithm,
    };

    fn check(algorithm: &'static SignatureAlgorithm, n_bytes: Option<usize>) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        assert_eq!(hash(certificate.der()).map(|hash| hash.len()), n_bytes);
    }

    #[test]
    fn goes_by_the_hash_of_the_signature() {
        check(&PKCS_ECDSA_P256_SHA256, Some(32));
        check(&PKCS_ECDSA_P384_SHA384, Some(48));
        check(&PKCS_ED25519, None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            hash(&bytes);
        }
    }
}
