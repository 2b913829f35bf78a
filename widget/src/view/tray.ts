// The files that wait to be sent: progress, errors, and a button to remove each.

import { h, setAttribute, setText } from '../dom';
import type { Upload } from '../upload';
import { fill, type Language } from './language';
import { removeButton } from './message';
import { isPicture, picture } from './picture';

export interface Tray {
  element: HTMLElement;
  /** For screen readers: which files are here, or what is wrong. */
  status: HTMLElement;
  render(uploads: readonly Upload[], limit: number | undefined): void;
}

export interface TrayPort {
  language: Language;
  retryFile(id: string): void;
  removeFile(id: string): void;
  refocus(): void;
}

interface Item {
  element: HTMLElement;
  /** The new status text, if it changed. */
  update(upload: Upload, limit: number | undefined): string | undefined;
}

export function createTray(port: TrayPort): Tray {
  const element = h('ul', { class: 'tray', 'data-part': 'tray', role: 'list', hidden: true });
  const status = h('p', { class: 'unseen', role: 'status' });
  const items = new Map<string, Item>();
  return {
    element,
    status,
    render(uploads, limit) {
      for (const [id, item] of items) {
        if (uploads.some((upload) => upload.id === id)) continue;
        item.element.remove();
        items.delete(id);
      }
      for (const upload of uploads) {
        let item = items.get(upload.id);
        if (!item) {
          item = createItem(upload, port);
          items.set(upload.id, item);
          element.append(item.element);
        }
        const news = item.update(upload, limit);
        if (news) setText(status, news);
      }
      setAttribute(element, 'hidden', uploads.length === 0);
    },
  };
}

function createItem({ id, file }: Upload, port: TrayPort): Item {
  const { words, size, percent } = port.language;
  const preview = h('span', { class: 'preview' });
  const status = h('span', { class: 'quiet' });
  const bar = h('progress', { max: '1', 'aria-label': fill(words.uploading, file.name) });
  const again = h('button', { type: 'button', class: 'link', 'data-part': 'retry-file' }, words.tryAgain);
  const remove = removeButton(fill(words.removeFile, file.name));
  const name = h('span', { class: 'name', dir: 'auto' }, file.name);
  const element = h('li', {}, preview, h('div', { class: 'about' }, name, status, bar), again, remove);
  if (isPicture(file.type, file.size)) {
    const drawn = picture(file, () => preview.replaceChildren(drawn));
  }
  again.addEventListener('click', () => port.retryFile(id));
  remove.addEventListener('click', () => {
    port.removeFile(id);
    port.refocus();
  });
  let known = '';
  return {
    element,
    update({ progress, link, failed }, limit) {
      const faults = {
        large: fill(words.fileTooLarge, size(limit ?? file.size)),
        type: words.fileType,
        network: words.fileFailed,
      };
      setText(status, failed ? faults[failed] : link ? size(file.size) : percent(progress));
      setAttribute(status, 'class', failed ? 'fault' : 'quiet');
      setAttribute(bar, 'hidden', !!link || !!failed);
      bar.value = progress;
      setAttribute(again, 'hidden', failed !== 'network');
      const news = failed ? `${file.name}: ${faults[failed]}` : link ? fill(words.uploaded, file.name) : '';
      if (news === known) return undefined;
      known = news;
      return news;
    },
  };
}
