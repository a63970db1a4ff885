// The provider's signing keys. With a file they survive a restart, so that nobody holds a stale key set.
import { generateKeyPairSync, createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

function named(privateKey, alg) {
  const jwk = privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(jwk.n ?? jwk.x).digest('base64url').slice(0, 16);
  return { ...jwk, kid, use: 'sig', alg };
}

function made() {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return { keys: [named(rsa, 'RS256'), named(ec, 'ES256')] };
}

/** The key set kept in `file`, made on first use; without a file a new one. */
export function signingKeys(file) {
  if (!file) return made();
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(made()), { mode: 0o600 });
  return JSON.parse(readFileSync(file, 'utf8'));
}
