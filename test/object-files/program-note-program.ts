// A provider of everything that `.note.sonde` tells, and one of which there is nothing to tell.
import { bytes, int32, json, operation, provider, stack, string } from 'sonde';

provider('zed', {
  delivery: operation({ start: [string('to')], done: [json('result')] }),
  'my-put': [bytes('data'), stack('frames')],
  sendMail: operation({ name: 'mail_out', start: [] }),
  plain: { name: 'other', arguments: [] },
  aB_Cd9E: [],
});
provider('dull', { sessionStart: [string('peer'), int32('port')] });
console.log('{}');
