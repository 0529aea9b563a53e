// The page that `sonde flame` writes, in a real browser: what it shows, search and zoom.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startSonde } from '../support/command.js';
import { useScene } from '../support/scene.js';
import { placeOf, StacksProgram } from '../support/stacks-program.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';

const HTML = new URL('../../../packages/cli/dist/flame/formats/html.js', import.meta.url).href;
const WORK = placeOf('work', '  work(');
const HOSTILE = `</script><img src=x onerror="document.title='broken'">&amp;\u2028`;
const SHOWN = HOSTILE.replace('\u2028', '\\u2028');

describe('the page of sonde flame', function () {
  this.timeout(60_000);
  const scene = useScene();
  let browser: Browser | undefined;

  before(async function () {
    // In Debian, the package of this name.
    needsTools(this, 'chromium');
    const executablePath = (await run('sh', ['-c', 'command -v chromium'])).trim();
    // As root, it runs without a sandbox only.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  after(() => browser?.close());

  it('shows a process, and finds its functions', async function () {
    needsRoot(this);
    needsTools(this, 'perf');
    const program = await StacksProgram.start(scene.current);
    const file = join(scene.current.folder, 'flames.html');
    const command = startSonde(scene.current, ['flame', String(program.pid), '-d', '1500ms', '-o', file]);
    await command.shows(/sampling/);
    await program.call('work', 1200);
    await command.end();

    const page = await open(file);
    assert.match(await page.title(), new RegExp(`\\(${program.pid}\\), 1\\.5 s – sonde flame$`));
    assert.match((await page.textContent('#summary'))!, /^\d+ samples in 1\.5 s/);
    const frame = frameOf(page, WORK);
    const [before, all] = [await widthOf(frame), await widthOf(frameOf(page, 'all'))];
    assert.ok(before > all / 4 && before <= all, `${before} of ${all}`);
    await page.fill('input', 'STACKS-program');
    await page.waitForFunction(`/^\\d+\\.\\d % match$/.test(document.querySelector('output').textContent)`);
    assert.match((await page.textContent('output'))!, /^(?:100\.0|\d\d\.\d) % match$/);
    await settled(page);
    assert.equal(await frame.locator('rect').getAttribute('fill'), '#e86ad0');
    await page.fill('input', '');
    await settled(page);
    assert.equal(await frame.locator('rect').getAttribute('fill'), '#8fc97a');

    await frame.hover();
    assert.match((await page.textContent('#details'))!, /^work .*: \d+ samples, \d+\.\d %$/);
  });

  it('shows names as they are, whatever stands in them, and searches for texts', async () => {
    const page = await open(
      await written([
        {
          frames: [
            { name: 'a.b (c', kind: 'native' },
            { name: HOSTILE, kind: 'javascript' },
          ],
          count: 3,
        },
        { frames: [{ name: 'axb (c', kind: 'kernel' }], count: 1 },
      ]),
    );
    assert.equal(await page.title(), `${SHOWN} – sonde flame`);
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await frameOf(page, SHOWN).locator('title').textContent(), `${SHOWN}: 3 samples, 75.0 %`);
    await page.fill('input', 'A.b (');
    assert.equal(await page.textContent('output'), '75.0 % match');
    await page.fill('input', '<IMG');
    assert.equal(await page.textContent('output'), '75.0 % match');
  });

  it('zooms into a function that is clicked, and back', async () => {
    const called = { name: 'called', kind: 'javascript' };
    const page = await open(
      await written([
        { frames: [{ name: 'main', kind: 'native' }, called], count: 1 },
        { frames: [{ name: 'other', kind: 'native' }], count: 3 },
      ]),
    );
    const frame = frameOf(page, 'called');
    const [before, all] = [await widthOf(frame), await widthOf(frameOf(page, 'all'))];
    assert.ok(Math.abs(before - all / 4) < 2);
    await frame.click();
    await settled(page);
    assert.ok(Math.abs((await widthOf(frame)) - all) < 2);
    await page.click('#reset');
    await settled(page);
    assert.ok(Math.abs((await widthOf(frame)) - before) < 2);
  });

  it('follows the colours of the system, and its width', async () => {
    const page = await open(await written([{ frames: [{ name: 'main', kind: 'native' }], count: 1 }]));
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await background(), 'rgb(255, 255, 255)');
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.equal(await background(), 'rgb(22, 22, 24)');
    await page.setViewportSize({ width: 600, height: 800 });
    await settled(page);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= 600'), true);
  });

  async function written(stacks: unknown[]): Promise<string> {
    const { html } = await import(HTML);
    const file = join(scene.current.folder, 'flames.html');
    writeFileSync(file, html({ title: HOSTILE, unit: 'samples', frequency: 99, startedAt: 0, duration: 1000, stacks }));
    return file;
  }

  /** Fails where the page asks for anything else than itself, or where its script does not run. */
  async function open(file: string): Promise<Page> {
    const page = await browser!.newPage({ viewport: { width: 1200, height: 800 } });
    scene.current.defer(async () => {
      await page.close();
      assert.deepEqual(faults, []);
    });
    const faults: string[] = [];
    const url = pathToFileURL(file).href;
    page.on('request', (request) => request.url() !== url && faults.push(request.url()));
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => faults.push(message.text()));
    await page.goto(url);
    await settled(page);
    return page;
  }
});

function frameOf(page: Page, name: string) {
  return page
    .locator('g.frame')
    .and(page.locator(`[name=${JSON.stringify(name)}]`))
    .first();
}

async function widthOf(frame: ReturnType<typeof frameOf>): Promise<number> {
  return Number(await frame.locator('rect').getAttribute('width'));
}

/** What moves, moves for a quarter of a second. */
async function settled(page: Page): Promise<void> {
  await page.waitForTimeout(600);
}
