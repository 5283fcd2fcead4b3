import { marked } from 'marked';
import type { Token, Tokens } from 'marked';

/** A piece of a document as its reader sees it, without markup. */
export type Block =
  { kind: 'heading'; level: number; text: string } | { kind: 'paragraph' | 'code'; text: string };

const MARKDOWN = /\.(?:md|markdown|mdown|mkd)$/i;
/** Metadata at the top of a Markdown file, which Markdown itself would take for a heading. */
const FRONT_MATTER = /^---\n[^]*?\n(?:---|\.\.\.)(?:\n|$)/;
/** Nearly always punctuation: `&mdash;`, `&nbsp;`. */
const ENTITY = /&(?:#\d+|#x[\da-f]+|[a-z]\w*);/gi;

/** Whether the name of the file says Markdown. */
export const isMarkdown = (path: string): boolean => MARKDOWN.test(path);

/** The blocks of a Markdown document. List items and table cells are paragraphs; HTML is left out. */
export const markdownBlocks = (text: string): Block[] =>
  marked.lexer(text.replace(FRONT_MATTER, '')).flatMap(blocksOf);

/** The blocks of a plain text: paragraphs stand between empty lines. */
export const textBlocks = (text: string): Block[] =>
  text
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => ({ kind: 'paragraph', text: paragraph }));

function blocksOf(token: Token): Block[] {
  switch (token.type) {
    case 'heading': {
      const heading = token as Tokens.Heading;
      return [{ kind: 'heading', level: heading.depth, text: plain(heading.tokens).trim() }];
    }
    case 'code':
      return [{ kind: 'code', text: (token as Tokens.Code).text }];
    case 'list':
      return (token as Tokens.List).items.flatMap((item) => item.tokens.flatMap(blocksOf));
    case 'blockquote':
      return (token as Tokens.Blockquote).tokens.flatMap(blocksOf);
    case 'table': {
      const { header, rows } = token as Tokens.Table;
      return [header, ...rows].flat().flatMap((cell) => paragraph(plain(cell.tokens)));
    }
    case 'paragraph':
    case 'text':
      return paragraph(plain([token]));
    default:
      return [];
  }
}

const paragraph = (text: string): Block[] => (text.trim() === '' ? [] : [{ kind: 'paragraph', text }]);

/** What a reader sees of inline tokens: the text of links without their targets, the description of images. */
function plain(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      const { type, text, tokens: inner } = token as Tokens.Generic & { text?: string };
      if (type === 'html') return '';
      if (type === 'br') return '\n';
      if (inner) return plain(inner);
      return type === 'text' ? (text ?? '').replace(ENTITY, ' ') : (text ?? '');
    })
    .join('');
}
