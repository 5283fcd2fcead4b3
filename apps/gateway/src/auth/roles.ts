/** What an API key may do; each role may do what the ones before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Whether a key of this role may do what needs the other one. */
export const allows = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** Who makes a request. */
export interface Caller {
  /** Name of the API key. */
  name: string;
  role: Role;
  /** Of the key; not there where nobody is asked for one. */
  hash?: string;
}
