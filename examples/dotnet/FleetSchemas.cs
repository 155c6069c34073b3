using System.Text.Json;
using Avro;
using Avro.Generic;
using Avro.IO;
using Newtonsoft.Json.Linq;

namespace Molfleet.Example;

/// <summary>
/// Avro single-object encoding with the published schemas: C3 01, the fingerprint of the schema in the
/// order in which index.json writes it, the record.
/// </summary>
public class FleetSchemas
{
    const int HeaderLength = 10;

    readonly Dictionary<string, RecordSchema> _byFingerprint = new();
    readonly Dictionary<string, string> _fingerprints = new();

    public FleetSchemas(string folder)
    {
        var index = JsonSerializer.Deserialize<Dictionary<string, string>>(
            File.ReadAllText(Path.Combine(folder, "index.json")))!;
        foreach (var (fingerprint, file) in index)
        {
            var schema = (RecordSchema)Schema.Parse(File.ReadAllText(Path.Combine(folder, file)));
            _byFingerprint[fingerprint] = schema;
            _fingerprints[schema.Name] = fingerprint;
        }
    }

    public GenericRecord Decode(ReadOnlySpan<byte> value)
    {
        if (value.Length < HeaderLength || value[0] != 0xC3 || value[1] != 0x01)
            throw new InvalidDataException("not in Avro single-object encoding");
        var fingerprint = Convert.ToHexString(value[2..HeaderLength]).ToLowerInvariant();
        if (!_byFingerprint.TryGetValue(fingerprint, out var schema))
            throw new InvalidDataException($"no published schema has the fingerprint {fingerprint}");
        using var body = new MemoryStream(value[HeaderLength..].ToArray());
        return new GenericDatumReader<GenericRecord>(schema, schema).Read(null!, new BinaryDecoder(body));
    }

    public byte[] Encode(GenericRecord record)
    {
        using var value = new MemoryStream();
        value.Write([0xC3, 0x01]);
        value.Write(Convert.FromHexString(_fingerprints[record.Schema.Name]));
        new GenericDatumWriter<GenericRecord>(record.Schema).Write(record, new BinaryEncoder(value));
        return value.ToArray();
    }

    /// <summary>A record in which every field that has a default holds it.</summary>
    public GenericRecord New(string name) => WithDefaults(_byFingerprint[_fingerprints[name]]);

    public static GenericRecord WithDefaults(RecordSchema schema)
    {
        var record = new GenericRecord(schema);
        foreach (var field in schema.Fields.Where(field => field.DefaultValue != null))
            record.Add(field.Name, Default(field.DefaultValue));
        return record;
    }

    static object? Default(JToken token) => token.Type switch
    {
        JTokenType.Null => null,
        JTokenType.Boolean => (bool)token,
        JTokenType.Integer => (long)token,
        JTokenType.Float => (double)token,
        JTokenType.String => (string)token!,
        JTokenType.Array => Array.Empty<object>(),
        JTokenType.Object => new Dictionary<string, object>(),
        _ => throw new InvalidDataException($"unexpected default {token}"),
    };
}
