import type {
  IAuthenticateGeneric,
  Icon,
  ICredentialTestRequest,
  ICredentialType,
  INodeProperties,
} from "n8n-workflow";

export class CountersignApi implements ICredentialType {
  name = "countersignApi";

  displayName = "Countersign API";

  icon: Icon = {
    light: "file:../icons/countersign.svg",
    dark: "file:../icons/countersign.dark.svg",
  };

  documentationUrl = "https://countersign.example/docs";

  properties: INodeProperties[] = [
    {
      displayName: "Base URL",
      name: "baseUrl",
      type: "string",
      required: true,
      default: "",
      placeholder: "https://countersign.example.com",
      description: "Where Countersign is, without a path",
    },
    {
      displayName: "API Key",
      name: "apiKey",
      type: "string",
      typeOptions: { password: true },
      required: true,
      default: "",
      description: "The token of an agent (better), or a standard key",
    },
    {
      displayName: "Allow HTTP",
      name: "allowHttp",
      type: "boolean",
      default: false,
      description:
        "Whether the key may be sent readable to another host than this computer, such as one of your own network",
    },
  ];

  authenticate: IAuthenticateGeneric = {
    type: "generic",
    properties: {
      headers: { Authorization: "=Bearer {{$credentials.apiKey}}" },
    },
  };

  test: ICredentialTestRequest = {
    request: {
      baseURL: "={{$credentials.baseUrl}}",
      url: "/v1/approvals?limit=1",
    },
  };
}
