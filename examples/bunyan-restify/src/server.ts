// A web service as many are: restify serves, bunyan logs. It does not know of sonde: that its
// probes are there is a line of the package manager's.
//
//   node dist/server.js [PORT]    a free port unless given
import { createRequire } from 'node:module';
import bunyan from 'bunyan';

// restify 12 needs Node.js 22, and 11 runs up to that. Neither has types that fit.
const isOld = Number.parseInt(process.versions.node, 10) < 22;
const restify = createRequire(import.meta.url)(isOld ? 'restify-11' : 'restify');

const log = bunyan.createLogger({ name: 'greeter', level: 'info', stream: process.stderr });
const server = restify.createServer({ name: 'greeter', dtrace: true, handleUncaughtExceptions: false });
const greetings: Record<string, string> = { en: 'Hello', de: 'Hallo', fr: 'Bonjour' };

server.use(restify.plugins.queryParser());

server.get('/greet/:name', function greet(request: Request, response: Response, next: () => void) {
  const { name } = request.params;
  const language = request.query.language ?? 'en';
  // Below the level of the log: it is written nowhere.
  log.debug({ who: name, language }, 'greeting somebody');
  if (!(language in greetings)) log.error({ language }, 'no such language');
  response.send(language in greetings ? 200 : 404, { text: `${greetings[language] ?? ''} ${name}` });
  next();
});

server.get('/report', function report(_request: Request, response: Response, next: () => void) {
  log.debug('making a report');
  setTimeout(() => {
    response.send({ languages: Object.keys(greetings) });
    next();
  }, 20);
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`process ${process.pid}, http://127.0.0.1:${server.address().port}`);
});

interface Request {
  params: { name: string };
  query: { language?: string };
}

interface Response {
  send(status: number, body: object): void;
  send(body: object): void;
}
