import { describe, expect, it } from '@jest/globals';
import { STATUSES } from '@millrace/domain';
import { isUnlikely, possibleStatuses } from './possible-statuses.js';

describe('the statuses that tasks of a filter can have', () => {
  it('are all without a filter, and those asked for with one', () => {
    expect(possibleStatuses({})).toEqual(STATUSES);
    expect(possibleStatuses({ status: 'SUCCESS' })).toEqual(['SUCCESS']);
    expect(possibleStatuses({ status: ['RETRY', 'FAILURE'] })).toEqual(['FAILURE', 'RETRY']);
  });

  it('are those that have such a reason, or were paused for it', () => {
    expect(possibleStatuses({ reason: 'retries_spent' })).toEqual(['FAILURE', 'PAUSED']);
    expect(possibleStatuses({ reason: 'lunch' })).toEqual([
      'PENDING',
      'FAILURE',
      'RETRY',
      'REVOKED',
      'PAUSED',
    ]);
    expect(possibleStatuses({ status: 'FAILURE', reason: 'cancelled' })).toEqual([]);
  });

  it('are those that have an error', () => {
    expect(possibleStatuses({ error: 'TypeError', status: 'SUCCESS' })).toEqual([]);
    expect(possibleStatuses({ error: 'TypeError', reason: 'not_retryable' })).toEqual(['FAILURE']);
  });

  it('are unlikely where their reason is told of others', () => {
    expect(isUnlikely({ status: 'PAUSED', reason: 'cancelled' })).toBe(true);
    expect(isUnlikely({ status: 'FAILURE', reason: 'lunch' })).toBe(true);
    expect(isUnlikely({ status: ['RETRY', 'FAILURE'], reason: 'retries_spent' })).toBe(false);
    expect(isUnlikely({ status: 'PAUSED', reason: 'lunch' })).toBe(false);
    expect(isUnlikely({ reason: 'lunch' })).toBe(false);
  });
});
