import { describe, expect, it } from '@jest/globals';
import type { AlertSample, AlertState } from './alert.js';
import { ALERTS_OF_A_RULE, decideAlerts, endAlerts, isForgettable } from './decide-alerts.js';
import type { AlertDecision } from './decide-alerts.js';
import { DEFAULT_ALERT_RULES, effectiveRules } from './rule.js';
import type { AlertRule } from './rule.js';

const aRule = (changes: Partial<AlertRule> = {}): AlertRule => ({
  name: 'failures',
  metric: 'failure_rate',
  window_seconds: 300,
  min_count: 20,
  comparison: 'above',
  warning: 10,
  critical: 20,
  for_seconds: 0,
  enabled: true,
  message: 'Failure rate is {value} of {count} tasks',
  ...changes,
});

const rate = (value: number, changes: Partial<AlertSample> = {}): AlertSample => ({
  scope: {},
  value,
  count: 100,
  ...changes,
});

/** Decides step by step, each a second after the one before, and keeps what is known between. */
class Course {
  #known = new Map<string, AlertState>();
  #now = 1_000_000;

  constructor(private readonly rule: AlertRule) {}

  when(...samples: AlertSample[]): AlertDecision[] {
    this.#now += 1_000;
    return this.#keep(decideAlerts(this.rule, samples, [...this.#known.values()], this.#now));
  }

  /** What people are told. */
  told(...samples: AlertSample[]): string[] {
    return this.when(...samples).flatMap(({ transition, state }) =>
      transition ? [`${transition} ${state.severity ?? 'over'}`] : [],
    );
  }

  whenSwitchedOff(): AlertDecision[] {
    return this.#keep(endAlerts([...this.#known.values()], this.#now));
  }

  get known(): AlertState[] {
    return [...this.#known.values()];
  }

  #keep(decisions: AlertDecision[]): AlertDecision[] {
    for (const { state } of decisions) {
      if (isForgettable(state)) this.#known.delete(state.key);
      else this.#known.set(state.key, state);
    }
    return decisions;
  }
}

describe('an alert', () => {
  it('is raised, escalated, eased and resolved, each once', () => {
    const course = new Course(aRule());
    const told = [5, 11, 12, 25, 30, 15, 12, 3, 2].map((value) => course.told(rate(value)));
    expect(told).toEqual([
      [],
      ['raised warning'],
      [],
      ['escalated critical'],
      [],
      ['eased warning'],
      [],
      ['resolved over'],
      [],
    ]);
    expect(course.known).toEqual([]);
  });

  it('may begin critical', () => {
    expect(new Course(aRule()).told(rate(50))).toEqual(['raised critical']);
  });

  it('begins beyond its threshold, not at it', () => {
    expect(new Course(aRule()).told(rate(10))).toEqual([]);
    expect(new Course(aRule({ comparison: 'below', warning: 5, critical: 1 })).told(rate(4))).toEqual([
      'raised warning',
    ]);
  });

  it('says what was measured', () => {
    const [decision] = new Course(aRule()).when(rate(12.345));
    expect(decision!.state).toMatchObject({
      key: 'failures',
      severity: 'warning',
      worst: 'warning',
      value: 12.345,
      threshold: 10,
      message: 'Failure rate is 12.35 % of 100 tasks',
    });
  });

  it('is not made of too few samples, and ends when there are no more than these', () => {
    const course = new Course(aRule());
    expect(course.told(rate(100, { count: 19 }))).toEqual([]);
    expect(course.told(rate(100))).toEqual(['raised critical']);
    expect(course.told(rate(100, { count: 19 }))).toEqual(['resolved over']);
  });

  it('waits until its condition has lasted, and ends when health has', () => {
    const course = new Course(aRule({ for_seconds: 2 }));
    const told = [15, 15, 5, 15, 15, 15, 5, 15, 5, 5, 5].map((value) => course.told(rate(value)));
    expect(told.flat()).toEqual(['raised warning', 'resolved over']);
    expect(told[5]).toEqual(['raised warning']);
    expect(told[10]).toEqual(['resolved over']);
  });

  it('of a condition that gets worse while it waits begins as what has lasted', () => {
    const course = new Course(aRule({ for_seconds: 2 }));
    const told = [15, 25, 25, 25].map((value) => course.told(rate(value)));
    expect(told).toEqual([[], [], ['raised warning'], ['escalated critical']]);
  });

  it('keeps the worst that it was', () => {
    const course = new Course(aRule());
    course.when(rate(25));
    course.when(rate(15));
    const [decision] = course.when(rate(1));
    expect(decision).toMatchObject({ transition: 'resolved', state: { worst: 'critical', severity: null } });
  });
});

describe('the alerts of a rule', () => {
  const long = (task_id: string, value: number): AlertSample => ({
    scope: { queue: 'films', task_id },
    value,
  });
  const rule = aRule({
    name: 'long',
    metric: 'task_duration',
    min_count: 0,
    warning: 480,
    critical: 570,
    message: 'Task {task_id} running for {value}',
  });

  it('are one for each scope, resolved when it is there no more', () => {
    const course = new Course(rule);
    expect(course.when(long('a', 500), long('b', 600)).map(({ state }) => state.message)).toEqual([
      'Task a running for 500 seconds',
      'Task b running for 600 seconds',
    ]);
    expect(course.when(long('b', 601))).toMatchObject([
      { transition: 'resolved', state: { key: 'long.queue=films.task_id=a' } },
    ]);
  });

  it('are so many at most, and one that ends makes room', () => {
    const course = new Course(rule);
    const many = Array.from({ length: ALERTS_OF_A_RULE + 5 }, (_, i) => long(`t${i}`, 500));
    expect(course.told(...many)).toHaveLength(ALERTS_OF_A_RULE);
    expect(course.told(...many)).toEqual([]);
    expect(course.told(...many.slice(1))).toEqual(['resolved over']);
    expect(course.told(...many.slice(1))).toEqual(['raised warning']);
  });

  it('end when it is switched off', () => {
    const course = new Course(rule);
    course.when(long('a', 500));
    expect(course.whenSwitchedOff()).toMatchObject([{ transition: 'resolved' }]);
    expect(course.known).toEqual([]);
  });

  it('of a rule without a warning know only critical', () => {
    const course = new Course(aRule({ warning: undefined, critical: 0, min_count: 0 }));
    expect([1, 2, 0].map((value) => course.told(rate(value)))).toEqual([
      ['raised critical'],
      [],
      ['resolved over'],
    ]);
  });
});

describe('the rules', () => {
  it('are the defaults, those over them, and those beside them', () => {
    const rules = effectiveRules([aRule(), aRule({ name: 'memory', metric: 'memory', warning: 1 })]);
    expect(rules).toHaveLength(DEFAULT_ALERT_RULES.length + 1);
    expect(rules.find(({ name }) => name === 'memory')).toMatchObject({ warning: 1 });
  });

  it('are by default what the documents promise', () => {
    const of = (name: string): object => DEFAULT_ALERT_RULES.find((rule) => rule.name === name)!;
    expect(of('failure_rate')).toMatchObject({ warning: 10, critical: 20, min_count: 20 });
    expect(of('task_duration')).toMatchObject({ warning: 8 * 60, critical: 9.5 * 60 });
    expect(of('memory')).toMatchObject({ warning: 1.5 * 1024 ** 3, critical: 1.9 * 1024 ** 3 });
  });
});
