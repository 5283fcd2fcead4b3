/**
 * Kills at once whatever belongs to the group of this leader: the process and what it started, unless that left the group. False when
 * there is no such group.
 */
export function killGroup(leader: number): boolean {
  try {
    return process.kill(-leader, 'SIGKILL');
  } catch {
    return false;
  }
}
