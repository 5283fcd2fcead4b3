import { describe, expect, it } from '@jest/globals';
import { isMarkdown, markdownBlocks, textBlocks } from './blocks.js';

const texts = (markdown: string) => markdownBlocks(markdown).map(({ kind, text }) => [kind, text]);

describe('the blocks of a Markdown document', () => {
  it('give its outline in plain text, both forms of headings included', () => {
    const markdown = '# One *two* `three` [four](https://x.org)\n\nFive\n----\n\n### Six\n';
    expect(markdownBlocks(markdown)).toEqual([
      { kind: 'heading', level: 1, text: 'One two three four' },
      { kind: 'heading', level: 2, text: 'Five' },
      { kind: 'heading', level: 3, text: 'Six' },
    ]);
  });

  it('take no heading from code, nor from the front matter', () => {
    expect(texts('---\ntitle: x\n---\n\n```sh\n# no heading\n```\n')).toEqual([['code', '# no heading']]);
  });

  it('leave the targets of links and HTML out of the prose', () => {
    expect(texts('See [the guide](https://example.org/a/b) <b>now</b>.\n\n<div>gone</div>\n')).toEqual([
      ['paragraph', 'See the guide now.'],
    ]);
  });

  it('take named characters for punctuation, except in code', () => {
    expect(texts('a&mdash;b `&lt;c`')).toEqual([['paragraph', 'a b &lt;c']]);
  });

  it('take list items, quotes and table cells for paragraphs', () => {
    const markdown = '- a\n  - b\n- [x] c\n\n> d\n\n| e | f |\n|---|---|\n| g | h |\n';
    expect(texts(markdown).map(([, text]) => text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  });
});

describe('the blocks of a plain text', () => {
  it('stand between empty lines', () => {
    expect(textBlocks('# a\nb\n\n \n\nc\n').map(({ text }) => text)).toEqual(['# a\nb', 'c\n']);
  });
});

it('tells Markdown by its name', () => {
  expect(['a.md', 'b.MARKDOWN', 'c.txt', 'md'].map(isMarkdown)).toEqual([true, true, false, false]);
});
