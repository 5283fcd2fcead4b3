import { describe, expect, it } from '@jest/globals';
import { ALERT_THRESHOLDS, severityOf } from './thresholds.js';

describe('a threshold', () => {
  it.each([
    [10, undefined],
    [10.01, 'warning'],
    [20, 'warning'],
    [20.01, 'critical'],
  ])('of the failure rate makes %d percent %s', (value, severity) => {
    expect(severityOf(value, ALERT_THRESHOLDS.failure_rate)).toBe(severity);
  });
});
