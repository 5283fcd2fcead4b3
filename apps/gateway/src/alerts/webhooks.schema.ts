import { NAME_PATTERN } from '@millrace/domain';
import { z } from 'zod';
import { severity } from './alerts.schema.js';

const URL_CHARACTERS = 2_000;
const SECRET_LEAST = 16;
const SECRET_MOST = 256;
const RULES_MOST = 100;

/** The id of a delivery is made of it, and ids have 128 characters. */
const NAME_CHARACTERS = 40;
export const WebhookName = z
  .string()
  .max(NAME_CHARACTERS)
  .regex(NAME_PATTERN, { error: 'must be 1 to 40 of the characters a-z, 0-9, _ and -.' });

const ruleName = z.string().regex(NAME_PATTERN, { error: 'must be the name of a rule.' });

export const DefineWebhook = z
  .strictObject({
    url: z
      .string()
      .max(URL_CHARACTERS)
      .refine(isHttp, { error: 'must be an http or https URL without a user or password in it.' }),
    secret: z.string().min(SECRET_LEAST).max(SECRET_MOST).optional().meta({
      description:
        'Signs what is sent. Left out: the one that it has, or a new one, which is shown only now.',
    }),
    rules: z.array(ruleName).min(1).max(RULES_MOST).optional().meta({
      description: 'Only of alerts of these rules; left out: of all.',
    }),
    min_severity: severity
      .default('warning')
      .meta({ description: 'Not of alerts that were never this bad.' }),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'DefineWebhook', example: { url: 'https://ops.example.com/hooks/millrace' } });
export type DefineWebhook = z.infer<typeof DefineWebhook>;

export const WebhookView = z
  .object({
    name: z.string(),
    url: z.string(),
    rules: z.array(z.string()).nullable(),
    min_severity: severity,
    enabled: z.boolean(),
    created_at: z.string(),
  })
  .meta({ id: 'Webhook' });
export type WebhookView = z.infer<typeof WebhookView>;

export const DefinedWebhook = WebhookView.extend({
  secret: z.string().nullable().meta({ description: 'Where one was made for it.' }),
}).meta({ id: 'DefinedWebhook' });
export type DefinedWebhook = z.infer<typeof DefinedWebhook>;

export const WebhookList = z.object({ items: z.array(WebhookView) }).meta({ id: 'WebhookList' });
export type WebhookList = z.infer<typeof WebhookList>;

function isHttp(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '';
}

const webhook: WebhookView = {
  name: 'ops-channel',
  url: 'https://ops.example.com/hooks/millrace',
  rules: null,
  min_severity: 'warning',
  enabled: true,
  created_at: '2026-01-05T10:00:00.000Z',
};

export const webhookExamples: { list: WebhookList; defined: DefinedWebhook } = {
  list: { items: [webhook] },
  defined: { ...webhook, secret: 'whsec_4Zq1mJ8cXo2bT6vR0yKpLw' },
};
