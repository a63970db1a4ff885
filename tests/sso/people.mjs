// The people of the demo organization. The first one owns the vault.
export const people = {
  alice: { sub: 'acme-alice', name: 'Alice Archer', email: 'alice@acme.test', email_verified: true, role: 'Owner' },
  bob: { sub: 'acme-bob', name: 'Bob Baker', email: 'bob@acme.test', email_verified: true, role: 'Member' },
};

/** The owner's name and e-mail address may be set from outside, so that they are those of the vault's owner. */
export function withOwner({ name, email }) {
  return { ...people, alice: { ...people.alice, ...(name && { name }), ...(email && { email }) } };
}
