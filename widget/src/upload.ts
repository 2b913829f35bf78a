// Files on their way to the gateway: one request each, with progress, that can be cancelled and
// tried again. They belong to no message yet; the message that takes them names their ids.
//
// Invariants: nothing is sent that is too large for the gateway, and of types it is the judge; a file that failed says why and
// stays until the customer takes it away.

import { type FileLink, newId } from './wire';

export interface Upload {
  id: string;
  file: File;
  /** From 0 to 1. */
  progress: number;
  /** What the gateway calls it; with this it is there. */
  link?: FileLink;
  failed?: 'large' | 'type' | 'network';
}

export interface UploadPort {
  /** Where files go, and who sends them; without a session there is a wait for one. */
  url: string;
  token(): string | undefined;
  limit(): number | undefined;
  changed(uploads: readonly Upload[]): void;
  /** The gateway's files are as old as the session; a new one is needed. */
  refused(): void;
}

export interface Uploads {
  add(files: Iterable<File>): void;
  retry(id: string): void;
  /** Takes one away, cancelled where it is still on its way. */
  remove(id: string): void;
  /** Begins what waits for a session. */
  go(): void;
  /** All that is there, handed over to a message. */
  take(): FileLink[];
  stop(): void;
}

/** More than this at a time the gateway may refuse. */
const AT_A_TIME = 2;
const TOO_LARGE = 413;
const WRONG_TYPE = 415;
const NO_SESSION = 401;

export function createUploads(port: UploadPort): Uploads {
  let uploads: readonly Upload[] = [];
  const requests = new Map<string, XMLHttpRequest>();

  function set(next: readonly Upload[]): void {
    uploads = next;
    port.changed(uploads);
  }

  function change(id: string, more: Partial<Upload>): void {
    if (uploads.some((upload) => upload.id === id)) {
      set(uploads.map((upload) => (upload.id === id ? { ...upload, ...more } : upload)));
    }
  }

  function go(): void {
    const token = port.token();
    if (!token) return;
    for (const upload of uploads) {
      if (requests.size >= AT_A_TIME) return;
      if (!upload.link && !upload.failed && !requests.has(upload.id)) send(upload, token);
    }
  }

  function send({ id, file }: Upload, token: string): void {
    const request = new XMLHttpRequest();
    requests.set(id, request);
    const body = new FormData();
    body.append('file', file, file.name);
    request.open('POST', port.url);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => change(id, { progress: total ? loaded / total : 0 });
    request.onloadend = () => {
      // A request that was cancelled has been forgotten.
      if (!requests.delete(id)) return;
      const link = request.status < 300 ? parsed(request.responseText, file) : undefined;
      change(id, link ? { progress: 1, link } : { progress: 0, failed: reason(request.status) });
      if (!link && request.status === NO_SESSION) port.refused();
      go();
    };
    request.send(body);
  }

  function drop(id: string): void {
    const request = requests.get(id);
    requests.delete(id);
    request?.abort();
  }

  return {
    add(files) {
      const added = [...files].map((file) => ({
        id: newId(),
        file,
        progress: 0,
        failed: refusal(file, port),
      }));
      set([...uploads, ...added]);
      go();
    },
    retry(id) {
      change(id, { failed: undefined, progress: 0 });
      go();
    },
    remove(id) {
      drop(id);
      set(uploads.filter((upload) => upload.id !== id));
      go();
    },
    go,
    take() {
      const links = uploads.flatMap(({ link }) => link ?? []);
      set(uploads.filter(({ link }) => !link));
      return links;
    },
    stop() {
      for (const { id } of uploads) drop(id);
    },
  };
}

/**
 * Only the size is judged here. The same file has another type in each browser and system (a CSV is
 * `application/vnd.ms-excel` where Excel is installed), and the gateway looks at what is in it.
 */
function refusal(file: File, port: UploadPort): Upload['failed'] {
  const limit = port.limit();
  return limit && file.size > limit ? 'large' : undefined;
}

function reason(status: number): Upload['failed'] {
  if (status === TOO_LARGE) return 'large';
  return status === WRONG_TYPE ? 'type' : 'network';
}

function parsed(text: string, { name, type, size }: File): FileLink | undefined {
  try {
    const link: FileLink = JSON.parse(text);
    return link.id
      ? { ...link, name: link.name ?? name, type: link.type ?? type, size: link.size ?? size }
      : undefined;
  } catch {
    return undefined;
  }
}
